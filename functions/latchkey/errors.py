"""Every error Latchkey raises; the names of the leaves are what `Retry` and `Catch` match.

Step Functions compares names and knows no bases: those are for the functions themselves.

    LatchkeyError
        TransientError
            ThrottledError
            ServiceUnavailableError
            EntityTemporarilyUnmodifiableError
            ResetInProgressError
            ClaimNotReadyError
            ReportNotReadyError
            ListingInProgressError
            DirectoryUnreachableError
            SmtpUnavailableError
            ReminderInProgressError
            BatchUnfinishedError
        OperatorError
            AccessDeniedError
            SealBrokenError
            MailRefusedError
            MailQuotaExceededError
            KeyLimitError
            CredentialsGoneError
            CredentialsRefusedError
            DirectoryCertificateError
            DirectoryChangeError
            DirectoryLoginError
            DirectorySearchError
        RejectedError
            UserNotFoundError
            UserNotEligibleError
            AddressSuppressedError
            AddressSharedError
            NotOwnAccountError
            RequestRepeatedError
        CallerError
            BadRequestError
            NotAuthenticatedError
            NotAllowedError
            ForeignPageError
            ClaimGoneError
        PasswordChangeDeniedError
        PasswordPolicyViolationError
        SupersededError
        DeclinedError
        RotationInProgressError
        RecipientRefusedError
"""


class LatchkeyError(Exception):
    """The base of all errors Latchkey expects; the message is a sentence for the person on call."""


class TransientError(LatchkeyError):
    """When the same call may succeed a little later."""


class ThrottledError(TransientError):
    """When an AWS service asks to be called less often."""


class ServiceUnavailableError(TransientError):
    """When an AWS service fails on its own side."""


class EntityTemporarilyUnmodifiableError(TransientError):
    """When IAM cannot change the user for some minutes, for instance right after creating it."""


class ResetInProgressError(TransientError):
    """When another reset of the same user is changing the account; it takes seconds."""


class ClaimNotReadyError(TransientError):
    """When a link is opened before the workflow waits for it; a moment later it works."""


class ReportNotReadyError(TransientError):
    """When IAM is still making the credential report; it takes seconds."""


class ListingInProgressError(TransientError):
    """When another function is listing the account's users; a moment later they are known."""


class DirectoryUnreachableError(TransientError):
    """When no directory server answers, or connections are lost again and again."""


class SmtpUnavailableError(TransientError):
    """When SES's SMTP endpoint cannot be reached, or asks to come back later."""


class ReminderInProgressError(TransientError):
    """When another try may be sending a reminder; clear once that try has certainly ended."""


class BatchUnfinishedError(TransientError):
    """When time runs out before a batch is done; the next try goes on where this one stopped."""


class OperatorError(LatchkeyError):
    """When it fails until an operator changes something, or for the rest of the day."""


class AccessDeniedError(OperatorError):
    """When a role or a key policy lacks a permission; an operator has to fix it."""


class SealBrokenError(OperatorError):
    """When secrets cannot be sealed or unsealed: another execution's, altered, or the key cannot be used."""


class MailRefusedError(OperatorError):
    """When SES will not send: the sender is not verified, sending is paused, or the content is refused."""


class MailQuotaExceededError(OperatorError):
    """When SES takes no more mails today; the rest of the run would be refused as well."""


class KeyLimitError(OperatorError):
    """When the SMTP user has two access keys and neither may be deleted; an operator decides."""


class CredentialsGoneError(OperatorError):
    """When a secret, its version, or the key it names is gone or was changed meanwhile."""


class CredentialsRefusedError(OperatorError):
    """When SES's SMTP endpoint refuses credentials for longer than a new key takes to work."""


class DirectoryCertificateError(OperatorError):
    """When a directory server's certificate or host name does not verify; an operator has to fix it."""


class DirectoryChangeError(OperatorError):
    """When the directory refuses to change a user: a right is not delegated, or AdminSDHolder protects it."""


class DirectoryLoginError(OperatorError):
    """When the directory refuses the service account; an operator has to fix the secret or the account."""


class DirectorySearchError(OperatorError):
    """When the directory refuses a search: no such base, or the service account may not read there."""


class RejectedError(LatchkeyError):
    """When the user may not be reset, or not by this request; ValidateUser ends it in Rejected."""


class UserNotFoundError(RejectedError):
    """When neither the account nor the directory has a user of the name asked for."""


class UserNotEligibleError(RejectedError):
    """When the user exists but may not be reset: no console access, disabled, protected, or no address."""


class AddressSuppressedError(RejectedError):
    """When SES would take a mail to an address and not deliver it: it bounced or complained before."""


class AddressSharedError(RejectedError):
    """When what was typed is the mail address of several users with a password."""


class NotOwnAccountError(RejectedError):
    """When a signed-in person asks for a user whose name or mail address is not theirs."""


class RequestRepeatedError(RejectedError):
    """When a user was already requested in another spelling; the earlier request stands."""


class CallerError(LatchkeyError):
    """When the API refuses what a caller sends; the answer is a 4xx."""


class BadRequestError(CallerError):
    """When a caller's input cannot be accepted; `field` names the part that is wrong."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NotAuthenticatedError(CallerError):
    """When API Gateway passes on a request without the identity that `RequestAccess` asks it to verify."""


class NotAllowedError(CallerError):
    """When a signed-in user asks for a reset of another user and is not in the helpdesk group."""


class ForeignPageError(CallerError):
    """When a page of another site sends a request from the browser of a person who may reach the API."""


class ClaimGoneError(CallerError):
    """When a link does not (or no longer) lead to a password: used, expired, superseded or never made.

    `newer_at`: when the link was mailed that superseded this one and waits, in seconds since 1970; else 0.
    """

    def __init__(self, message: str = "", newer_at: int = 0) -> None:
        super().__init__(message)
        self.newer_at = newer_at


class PasswordChangeDeniedError(LatchkeyError):
    """When a user could not choose a password after a reset; named by the state machine alone."""


class PasswordPolicyViolationError(LatchkeyError):
    """When IAM or the directory refuses the generated password; its policy changed meanwhile."""


class SupersededError(LatchkeyError):
    """When a newer reset of the same user took over; Step Functions gets it for the older."""


class DeclinedError(LatchkeyError):
    """When the user says that the request was not theirs; Step Functions gets it too."""


class RotationInProgressError(LatchkeyError):
    """When a rotation starts while an earlier one still runs; the later one stops."""


class RecipientRefusedError(LatchkeyError):
    """When the SMTP endpoint refuses one mail, because of its recipient or its content."""
