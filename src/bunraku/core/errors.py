"""One exception class per return code (contract section 4). The docstring is the default Message."""

from __future__ import annotations


class ApiError(Exception):
    """system error"""

    code = 400010000

    def __init__(self, detail: str | None = None) -> None:
        text = (type(self).__doc__ or "").strip().splitlines()[0]
        self.detail = detail
        self.message = f"{text}: {detail}" if detail else text
        super().__init__(self.message)

    def __reduce__(self) -> tuple[type[ApiError], tuple[str | None]]:
        return type(self), (self.detail,)  # it travels between a front and a node


class InvalidParams(ApiError):
    """invalid params"""

    code = 400000001


class ServiceNotEnabled(ApiError):
    """digital human service not enabled"""

    code = 400000002


class DigitalHumanNotFound(ApiError):
    """digital human not found"""

    code = 400000003


class TimbreNotFound(ApiError):
    """timbre not found"""

    code = 400000004


class TaskNotFound(ApiError):
    """task not found"""

    code = 400000005


class StreamNotStarted(ApiError):
    """stream not started, wait and retry"""

    code = 400000006


class StreamAlreadyStopped(ApiError):
    """stream already stopped"""

    code = 400000007


class StreamConcurrencyLimit(ApiError):
    """stream concurrency limit reached"""

    code = 400000008


class TimbreNotSupported(ApiError):
    """stream does not support this timbre"""

    code = 400000009


class DigitalHumanBroken(ApiError):
    """digital human internal configuration error"""

    code = 400000010


class StreamIdExists(ApiError):
    """stream id already exists"""

    code = 400000015


class DigitalHumanVersion(ApiError):
    """digital human model version error"""

    code = 400000016


class SystemFault(ApiError):
    """system error"""


class NoPermission(ApiError):
    """no permission for this api"""

    code = 400010001


class SystemBusy(ApiError):
    """system busy, retry later"""

    code = 400010002


class NoResources(ApiError):
    """insufficient resources"""

    code = 400010007


class RateLimited(ApiError):
    """api rate limit exceeded"""

    code = 400010009


class AppIdFormat(ApiError):
    """app id format error"""

    code = 100000001


class TimestampEmpty(ApiError):
    """timestamp is empty"""

    code = 100000002


class TimestampFormat(ApiError):
    """timestamp format error"""

    code = 100000003


class SignatureExpired(ApiError):
    """signature expired"""

    code = 100000004


class SignatureMismatch(ApiError):
    """signature error"""

    code = 100000005


class ActionEmpty(ApiError):
    """action is empty"""

    code = 100000006


class ActionUnsupported(ApiError):
    """action not supported"""

    code = 100000007


class NonceEmpty(ApiError):
    """signature nonce is empty or too long"""

    code = 100000008


class SignatureEmpty(ApiError):
    """signature is empty"""

    code = 100000009


class AppUnknown(ApiError):
    """server secret lookup failed, check the app id"""

    code = 100000010


class BodyUnreadable(ApiError):
    """http body could not be read"""

    code = 100000012


class SignatureVersionEmpty(ApiError):
    """signature version is empty"""

    code = 100000013


class SignatureVersionUnsupported(ApiError):
    """signature version not supported"""

    code = 100000014
