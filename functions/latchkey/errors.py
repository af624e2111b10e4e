"""Every error Latchkey raises; the class names are what `Retry` and `Catch` in the state machines match."""


class LatchkeyError(Exception):
    """The base of all errors Latchkey expects; the message is a sentence for the person on call."""


class UserNotFoundError(LatchkeyError):
    """When the account has no IAM user of the name asked for."""


class UserNotEligibleError(LatchkeyError):
    """When the user exists but may not be reset: no console access, protected, or no mail address."""


class PasswordPolicyViolationError(LatchkeyError):
    """When IAM refuses the generated password; the account's password policy changed meanwhile."""


class EntityTemporarilyUnmodifiableError(LatchkeyError):
    """When IAM cannot change the user for some minutes, for instance right after creating it."""


class RequestRepeatedError(LatchkeyError):
    """When a user was already requested in another spelling; the earlier request stands."""


class ResetInProgressError(LatchkeyError):
    """When another reset of the same user is changing the account; worth retrying in seconds."""


class SupersededError(LatchkeyError):
    """When a newer reset of the same user took over; Step Functions gets it for the older."""


class DeclinedError(LatchkeyError):
    """When the user says that the request was not theirs; Step Functions gets it too."""


class RotationInProgressError(LatchkeyError):
    """When a rotation starts while an earlier one still runs; the later one stops."""


class KeyLimitError(LatchkeyError):
    """When the SMTP user has two access keys and neither may be deleted; an operator decides."""


class CredentialsRefusedError(LatchkeyError):
    """When SES's SMTP endpoint refuses credentials for longer than a new key takes to work."""


class CredentialsGoneError(LatchkeyError):
    """When a secret, its version, or the key it names is gone or was changed meanwhile."""


class SmtpUnavailableError(LatchkeyError):
    """When SES's SMTP endpoint cannot be reached, or asks to come back later; worth retrying later."""


class ThrottledError(LatchkeyError):
    """When an AWS service asks to be called less often; worth retrying later."""


class ServiceUnavailableError(LatchkeyError):
    """When an AWS service fails on its own side; worth retrying later."""


class AccessDeniedError(LatchkeyError):
    """When a role or a key policy lacks a permission; an operator has to fix it."""


class SealBrokenError(LatchkeyError):
    """When secrets cannot be sealed or unsealed: another execution's, altered, or the key cannot be used."""


class MailRefusedError(LatchkeyError):
    """When SES will not send: the sender is not verified, sending is paused, or the content is refused."""


class AddressSuppressedError(LatchkeyError):
    """When SES would take a mail to an address and not deliver it: it bounced or complained before."""


class ReportNotReadyError(LatchkeyError):
    """When IAM is still making the credential report; worth asking again in seconds."""


class DirectoryUnreachableError(LatchkeyError):
    """When no directory server answers, or connections are lost again and again; worth retrying."""


class DirectoryCertificateError(LatchkeyError):
    """When a directory server's certificate or host name does not verify; an operator has to fix it."""


class DirectoryLoginError(LatchkeyError):
    """When the directory refuses the service account; an operator has to fix the secret or the account."""


class DirectorySearchError(LatchkeyError):
    """When the directory refuses a search: no such base, or the service account may not read there."""


class MailQuotaExceededError(LatchkeyError):
    """When SES takes no more mails today; the rest of the run would be refused as well."""


class RecipientRefusedError(LatchkeyError):
    """When the SMTP endpoint refuses one mail, because of its recipient or its content."""


class ReminderInProgressError(LatchkeyError):
    """When another try may be sending a reminder; clear once that try has certainly ended."""


class BatchUnfinishedError(LatchkeyError):
    """When time runs out before a batch is done; the next try goes on where this one stopped."""


class ClaimGoneError(LatchkeyError):
    """When a link does not (or no longer) lead to a password: used, expired, superseded or never made."""


class ClaimNotReadyError(LatchkeyError):
    """When a link is opened before the workflow waits for it; a moment later it works."""


class NotAllowedError(LatchkeyError):
    """When a signed-in user asks for a reset of another user and is not in the helpdesk group."""


class NotAuthenticatedError(LatchkeyError):
    """When API Gateway passes on a request without the identity that `RequestAccess` asks it to verify."""


class ForeignPageError(LatchkeyError):
    """When a page of another site sends a request from the browser of a person who may reach the API."""


class BadRequestError(LatchkeyError):
    """When a caller's input cannot be accepted; `field` names the part that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
