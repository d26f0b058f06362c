// Listeners by event name, called in the order they came. Their faults are theirs alone.

export function listeners() {
  const table = new Map();
  return {
    on(event, callback) {
      if (typeof callback !== 'function') return false;
      if (!table.has(event)) table.set(event, []);
      table.get(event).push(callback);
      return true;
    },
    off(event, callback) {
      if (!table.has(event)) return false;
      if (!callback) return table.delete(event);
      const kept = table.get(event).filter((one) => one !== callback);
      const found = kept.length < table.get(event).length;
      table.set(event, kept);
      return found;
    },
    emit(event, ...values) {
      for (const callback of [...(table.get(event) || [])]) {
        try {
          callback(...values);
        } catch (error) {
          console.error(`listener of ${event}`, error);
        }
      }
    },
    clear: () => table.clear(),
  };
}
