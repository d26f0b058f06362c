"""Records and their rows: both ways, here and nowhere else."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from bunraku.core.drive import Drive, DriveKind, DriveStatus
from bunraku.core.framing import Framing
from bunraku.core.output import Output, OutputFile, OutputStatus, Protocol
from bunraku.core.own_human import Made, OwnHuman, SourceKind, State
from bunraku.core.owner import Owner
from bunraku.core.stream_task import StreamTask, TaskStatus
from bunraku.store.tables import Base, DriveRow, OutputRow, PersonRow, TaskRow

TASK_COLUMNS, DRIVE_COLUMNS = TaskRow.__table__.c, DriveRow.__table__.c
OUTPUT_COLUMNS = OutputRow.__table__.c
"""To select by where many are read: plain rows cost half of what mapped ones do."""


def values(row: Base) -> dict[str, Any]:
    """Of all its columns, by name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}


def task_row(task: StreamTask) -> TaskRow:
    framing = task.framing
    return TaskRow(
        id=task.id,
        app_id=task.app_id,
        digital_human_id=task.digital_human_id,
        room_id=task.room_id,
        stream_id=task.stream_id,
        status=int(task.status),
        created_at=task.created_at,
        ended_at=task.ended_at,
        fail_reason=task.fail_reason,
        ttl=task.ttl,
        max_idle_time=task.max_idle_time,
        width=framing.width,
        height=framing.height,
        background="#" + bytes(framing.background).hex(),
        transparent=framing.transparent,
        bitrate=task.bitrate,
        emotion=task.emotion,
        node_id=task.owner.node_id,
        epoch=task.owner.epoch,
        slot=task.slot,
    )


def stream_task(row: TaskRow | Row[Any]) -> StreamTask:
    red, green, blue = bytes.fromhex(row.background[1:])
    return StreamTask(
        id=row.id,
        app_id=row.app_id,
        digital_human_id=row.digital_human_id,
        room_id=row.room_id,
        stream_id=row.stream_id,
        created_at=row.created_at,
        ttl=row.ttl,
        max_idle_time=row.max_idle_time,
        framing=Framing(row.width, row.height, (red, green, blue), row.transparent),
        bitrate=row.bitrate,
        emotion=row.emotion,
        owner=Owner(row.node_id, row.epoch),
        slot=row.slot,
        status=TaskStatus(row.status),
        fail_reason=row.fail_reason,
        ended_at=row.ended_at,
    )


def drive_row(drive: Drive) -> DriveRow:
    return DriveRow(
        id=drive.id,
        task_id=drive.task_id,
        kind=drive.kind.value,
        sequence=drive.sequence,
        status=int(drive.status),
        played_ms=drive.played_ms,
        spoken_text=drive.spoken_text,
    )


def drive(row: DriveRow | Row[Any]) -> Drive:
    return Drive(
        row.id,
        row.task_id,
        DriveKind(row.kind),
        row.sequence,
        DriveStatus(row.status),
        row.played_ms,
        row.spoken_text,
    )


def output_row(output: Output) -> OutputRow:
    return OutputRow(
        id=output.id,
        task_id=output.task_id,
        sequence=output.sequence,
        protocol=output.protocol.value,
        name=output.name,
        url=output.url,
        status=output.status.value,
        bytes=output.bytes,
        started_at=output.started_at,
        ended_at=output.ended_at,
        fail_reason=output.fail_reason,
        files=[[f.name, f.bytes, f.seconds] for f in output.files],
    )


def output(row: OutputRow | Row[Any]) -> Output:
    return Output(
        id=row.id,
        task_id=row.task_id,
        sequence=row.sequence,
        protocol=Protocol(row.protocol),
        name=row.name,
        url=row.url,
        started_at=row.started_at,
        status=OutputStatus(row.status),
        bytes=row.bytes,
        fail_reason=row.fail_reason,
        ended_at=row.ended_at,
        files=tuple(OutputFile(str(f[0]), int(f[1]), float(f[2])) for f in row.files),
    )


def person_row(human: OwnHuman) -> PersonRow:
    return PersonRow(
        id=human.id,
        app_id=human.app_id,
        name=human.name,
        source=human.source.value,
        created_at=human.created_at,
        consent=human.consent,
        timbre_id=human.timbre_id,
        node_id=human.owner.node_id,
        epoch=human.owner.epoch,
        **person_changes(human),
    )


def person_changes(human: OwnHuman) -> dict[str, Any]:
    """What making changes; name and voice are others' to change meanwhile."""
    return {
        "state": human.state.value,
        "progress": human.progress,
        "step": human.step,
        "marks": human.marks,
        "fail_reason": human.fail_reason,
        "ended_at": human.ended_at,
        "warnings": list(human.made.warnings),
        "digest": human.made.digest,
        "bytes": human.made.bytes,
        "gestures": list(human.made.gestures),
        "emotion": human.made.emotion,
    }


def own_human(row: PersonRow) -> OwnHuman:
    gestures, warnings = tuple(map(str, row.gestures)), tuple(map(str, row.warnings))
    return OwnHuman(
        id=row.id,
        app_id=row.app_id,
        name=row.name,
        source=SourceKind(row.source),
        created_at=row.created_at,
        consent=row.consent,
        owner=Owner(row.node_id, row.epoch),
        timbre_id=row.timbre_id,
        state=State(row.state),
        progress=row.progress,
        step=row.step,
        marks=row.marks,
        fail_reason=row.fail_reason,
        ended_at=row.ended_at,
        made=Made(row.digest, row.bytes, gestures, row.emotion, warnings),
    )
