"""Requests and replies of every action: field names are the wire's (contract section 5)."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from bunraku.core.output import MOST, NAME, Protocol
from bunraku.core.own_human import LONGEST_NAME, SourceKind
from bunraku.core.vocabulary import EMOTIONS
from bunraku.front.rpc.parameters import (
    AsRequiredObject,
    Boolean,
    File,
    OptionalText,
    Params,
    Text,
    WireModel,
    one_of,
    ranged,
    to_boolean,
    to_object,
)

_STREAM_ID = re.compile(r"[A-Za-z0-9_-]+")
_COLOUR = re.compile(r"#([0-9A-Fa-f]{6}|[0-9A-Fa-f]{8})")


def _bytes(low: int, high: int) -> AfterValidator:
    def check(value: str) -> str:
        if not low <= len(value.encode()) <= high:
            raise ValueError(f"must be {low} to {high} bytes")
        return value

    return AfterValidator(check)


def _stream_id(value: str) -> str:
    if not _STREAM_ID.fullmatch(value):
        raise ValueError("may hold only A-Z a-z 0-9 - _")
    return value


def _room_id(value: str) -> str:
    if any(ord(c) < 32 or 127 <= ord(c) < 160 for c in value):
        raise ValueError("may not hold control characters")
    return value


def _colour(value: str | None) -> str | None:
    if value is not None and not _COLOUR.fullmatch(value):
        raise ValueError("must be #RRGGBB or #AARRGGBB")
    return value


def _drawing(value: str | None) -> str | None:
    if value not in (None, "allow", "never"):
        raise ValueError("must be allow or never")
    return value


def _emotion(value: str | None) -> str | None:
    if value is not None and value not in EMOTIONS:
        raise ValueError(f"must be one of {', '.join(EMOTIONS)}")
    return value


def _spoken(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    if len(value) > 1800:
        raise ValueError("must be 1 to 1800 characters")
    return value


def _transcript(value: str | None) -> str | None:
    if value is not None and len(value) > 10000:
        raise ValueError("must be at most 10000 characters")
    return value


def _protocol(value: str) -> str:
    if value not in tuple(Protocol):
        raise ValueError(f"must be one of {', '.join(Protocol)}")
    return value


def _output_name(value: str | None) -> str | None:
    if value is not None and not NAME.fullmatch(value):
        raise ValueError("may hold only A-Z a-z 0-9 - _, at most 64 of them")
    return value


def _target(value: str | None) -> str | None:
    if value is not None and (len(value) > 2048 or not value.isascii() or not value.isprintable()):
        raise ValueError("must be at most 2048 ASCII characters")
    return value


def _secret(value: str | None) -> str | None:
    if value is not None and (len(value) > 4096 or not re.fullmatch(r"[\x21-\x7e]+", value)):
        raise ValueError("must be a bearer token")
    return value


def _source(value: str) -> str:
    if value not in tuple(SourceKind):
        raise ValueError(f"must be one of {', '.join(SourceKind)}")
    return value


def _human_name(value: str) -> str:
    if not value.strip() or len(value) > LONGEST_NAME:
        raise ValueError(f"must be 1 to {LONGEST_NAME} characters")
    return _room_id(value)


def _consent(value: bool) -> bool:
    if not value:
        raise ValueError("must be true: that the person pictured agreed")
    return value


def _outputs(value: Any) -> Any:
    if value is not None and (not isinstance(value, list) or len(value) > MOST):
        raise ValueError(f"must be an array of at most {MOST}")
    return value


def _hint(value: Any) -> Any:
    """A withdrawn field that may guide but never fail (section 5.4): keep numbers, drop the rest."""
    try:
        return to_object(value)
    except ValueError:
        return None


RoomId = Annotated[
    Text,
    _bytes(1, 128),
    AfterValidator(_room_id),
    Field(description="1 to 128 bytes, no control characters."),
]
StreamId = Annotated[
    Text,
    _bytes(1, 128),
    AfterValidator(_stream_id),
    Field(description="1 to 128 of A-Z a-z 0-9 - _; unique within the app."),
]
Emotion = Annotated[
    OptionalText, AfterValidator(_emotion), Field(description=f"One of {', '.join(EMOTIONS)}.")
]
InterruptMode = Annotated[
    int | None, one_of(0, 1), Field(description="0: after what is being said; 1: instead of it.")
]
VoiceChannel = Annotated[
    int | None, one_of(0, 1, 2), Field(description="Channel that moves the lips: 0 both, 1 left, 2 right.")
]
FetchMode = Annotated[
    int | None,
    one_of(1, 2, 3, zero_is_unset=True),
    Field(description="1 all, 2 public only, 3 private only."),
]
Offset = Annotated[int | None, ranged(0, 1_000_000), Field(description="How many to skip.")]
Limit = Annotated[int | None, ranged(1, 20), Field(description="How many at most.")]
Lifetime = Annotated[
    int | None,
    ranged(10, 86400, zero_is_unset=True),
    Field(description="Seconds until the task ends by itself."),
]
IdleTime = Annotated[
    int | None,
    ranged(30, 86400, zero_is_unset=True),
    Field(description="Seconds without a drive until the task ends by itself."),
]
Rate = Annotated[int | None, ranged(-500, 500), Field(description="-500 half, 0 as it is, 500 double.")]
Volume = Annotated[
    int | None, ranged(1, 100, zero_is_unset=True), Field(description="50 as it is, 100 double.")
]
TaskId = Annotated[Text, Field(description="From CreateDigitalHumanStreamTask.")]


class GetDigitalHumanList(Params):
    fetch_mode: FetchMode = None
    offset: Offset = None
    limit: Limit = None


class DigitalHumanRequest(Params):
    digital_human_id: Text


class HumanSource(Params):
    type: Annotated[Text, AfterValidator(_source)] = Field(
        description=f"One of {', '.join(SourceKind)}, of those that the server makes."
    )
    url: Annotated[OptionalText, AfterValidator(_target)] = Field(
        None, description="Where the file is, by http or https; required unless it is uploaded."
    )


class CreateDigitalHuman(Params):
    name: Annotated[Text, AfterValidator(_human_name)] = Field(description="1 to 64 characters.")
    source: Annotated[HumanSource, AsRequiredObject] = Field(
        description="Of a form, fields Source.Type and Source.Url, or an object as JSON."
    )
    timbre_id: OptionalText = Field(None, description="The voice that fits; GetTimbreList has it first.")
    consent: Annotated[bool, AfterValidator(_consent), BeforeValidator(to_boolean)] = Field(
        description="Must be true: the person pictured agreed. It is recorded."
    )
    file: File = Field(None, description="The file itself, of a multipart/form-data body.")


class GetTimbreList(Params):
    digital_human_id: OptionalText = None
    offset: Offset = None
    limit: Limit = None


class DigitalHumanConfig(Params):
    digital_human_id: Text
    background_color: Annotated[OptionalText, AfterValidator(_colour)] = Field(
        None, description="#RRGGBB or #AARRGGBB."
    )


class RTCConfig(Params):
    room_id: RoomId
    stream_id: StreamId


class SourceRTCConfig(Params):
    room_id: RoomId
    stream_id: Annotated[Text, _bytes(1, 128)]


class OutputConfig(Params):
    protocol: Annotated[Text, AfterValidator(_protocol)] = Field(
        description=f"One of {', '.join(Protocol)}; srt where the server's FFmpeg has it."
    )
    url: Annotated[OptionalText, AfterValidator(_target)] = Field(
        None, description="Of whip (http or https) and rtmp (rtmp or rtmps); required there. Not shown again."
    )
    bearer_token: Annotated[OptionalText, AfterValidator(_secret)] = Field(
        None, description="For whip. Not shown again."
    )
    segment_seconds: Annotated[int | None, ranged(1, 86400, zero_is_unset=True)] = Field(
        None, description="Length of a file (3600) or an HLS segment (2); time between images (10)."
    )
    name: Annotated[OptionalText, AfterValidator(_output_name)] = Field(
        None, description="Under which hls, file and images are kept; made up when not given."
    )


class BargeIn(Params):
    user_stream_id: Annotated[Text, _bytes(1, 128)]


class ExtraConfig(Params):
    transparent: Annotated[
        Boolean, Field(description="A stream of double width: the picture, and its alpha to the right of it.")
    ] = None
    emotion: Emotion = None
    background_url: Annotated[
        OptionalText, Field(description="A picture behind the figure: PNG, JPEG, WebP or BMP up to 10 MiB.")
    ] = None
    drawing: Annotated[
        OptionalText,
        AfterValidator(_drawing),
        Field(description="Whether viewers' browsers may draw the figure; allow when not given."),
    ] = None
    barge_in: Annotated[
        BargeIn | None, Field(description="Whose speech in the room cuts the figure short.")
    ] = None
    outputs: Annotated[
        list[OutputConfig] | None,
        BeforeValidator(_outputs),
        Field(description="Where the stream goes besides its watchers, at most 8."),
    ] = None


class CreateDigitalHumanStreamTask(Params):
    digital_human_config: Annotated[DigitalHumanConfig, AsRequiredObject]
    rtc_config: Annotated[RTCConfig, AsRequiredObject]
    ttl: Lifetime = None
    max_idle_time: IdleTime = None
    video_config: Annotated[dict[str, Any] | None, BeforeValidator(_hint)] = Field(
        None, description="Withdrawn by the vendor; a hint for size and bitrate."
    )
    extra_config: Annotated[ExtraConfig | None, BeforeValidator(_hint)] = None


class TTSConfig(Params):
    timbre_id: Text
    speech_rate: Rate = None
    pitch_rate: Rate = None
    volume: Volume = None


class DriveByText(Params):
    task_id: TaskId
    text: Annotated[Text, AfterValidator(_spoken)] = Field(description="1 to 1800 characters.")
    interrupt_mode: InterruptMode = None
    tts_config: Annotated[TTSConfig, AsRequiredObject]
    emotion: Emotion = None


class DriveByAudio(Params):
    task_id: TaskId
    audio_url: Text = Field(description="WAV, MP3, M4A, OGG or FLAC by http or https.")
    interrupt_mode: InterruptMode = None
    voice_channel: VoiceChannel = None
    emotion: Emotion = None
    transcript: Annotated[OptionalText, AfterValidator(_transcript)] = Field(
        None, description="The words of the audio, at most 10000 characters: better lips, captions."
    )


class TaskRequest(Params):
    task_id: TaskId


class AddStreamOutput(Params):
    task_id: TaskId
    output: Annotated[OutputConfig, AsRequiredObject]


class RemoveStreamOutput(Params):
    task_id: TaskId
    output_id: Text = Field(description="From AddStreamOutput or QueryStreamOutputs.")


class DriveByRTCStream(Params):
    task_id: TaskId
    rtc_config: Annotated[SourceRTCConfig, AsRequiredObject]


class DoAction(Params):
    task_id: TaskId
    action: Text = Field(description="One of the digital human's Actions.")


class GetDriveStatus(Params):
    task_id: Annotated[OptionalText, Field(description="All drives of a task.")] = None
    drive_id: Annotated[OptionalText, Field(description="One drive.")] = None


class Nothing(Params):
    """No business parameters."""


# --- replies


class Gesture(WireModel):
    action: str
    preview_url: str


class DigitalHumanInfo(WireModel):
    digital_human_id: str
    name: str
    avatar_url: str
    is_public: bool
    actions: list[Gesture]


class OwnHumanInfo(DigitalHumanInfo):
    state: str | None = Field(None, description="making, ready or failed; only of an app's own.")
    progress: int | None = Field(None, description="0 to 100.")
    fail_reason: str | None = Field(None, description="Only when State is failed.")
    warnings: list[str] | None = Field(None, description="Sentences: what may be better in another file.")
    timbre_id: str | None = None


class DigitalHumanList(WireModel):
    total: int
    digital_humans: list[DigitalHumanInfo]


class TimbreInfo(WireModel):
    timbre_id: str
    name: str
    avatar_url: str


class TimbreList(WireModel):
    total: int
    timbres: list[TimbreInfo]


class CreatedHuman(WireModel):
    digital_human_id: str


class CreatedTask(WireModel):
    task_id: str


class CreatedDrive(WireModel):
    drive_id: str


class CreatedSocketDrive(WireModel):
    drive_id: str
    wss_address: str


class TaskState(WireModel):
    room_id: str
    stream_id: str
    status: int
    create_time: int
    fail_reason: str | None = Field(None, description="Only when Status is 2.")


class ListedTask(WireModel):
    task_id: str
    room_id: str
    stream_id: str
    status: int
    create_time: int


class TaskList(WireModel):
    task_list: list[ListedTask]


class DriveState(WireModel):
    drive_id: str
    status: int
    played_ms: int = 0
    spoken_text: str = ""


class DriveList(WireModel):
    drive_list: list[DriveState]


class CreatedOutput(WireModel):
    output_id: str


class OutputFileInfo(WireModel):
    name: str
    url: str = Field(description="Good for a while, for whoever has it.")
    bytes: int = Field(description="0 while it is written.")
    seconds: float


class OutputInfo(WireModel):
    output_id: str
    protocol: str
    url: str = Field(description="The playlist of hls, else the target without user, password, query, key.")
    name: str
    status: str = Field(description="STARTING, ACTIVE, RETRYING, ENDING, COMPLETE or FAILED.")
    start_time: int
    end_time: int | None = None
    bytes: int
    fail_reason: str | None = Field(None, description="Also of RETRYING.")
    files: list[OutputFileInfo] | None = None


class OutputList(WireModel):
    outputs: list[OutputInfo]


class RenderInfo(WireModel):
    client_inference_package_url: str = ""
    is_support_small_image_mode: bool = False
