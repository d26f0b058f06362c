// Some pages import the vendor's voice changer; there is nothing to change here.
export const VoiceChanger = {};
export default VoiceChanger;
