"""Reasons of the conditions, and of events. They are part of the API: alerts are written on them.

A reason with `HUMAN_NEEDED` set means that waiting does not help: the object is `NeedsHuman` until somebody acts.
"""

from __future__ import annotations

from typing import Final

# --- GitHubToken, Ready=True -----------------------------------------------------------------------------------------
FRESH: Final = "Fresh"
"""The stored token is valid and was obtained for the present spec."""

# --- GitHubToken, Ready=Unknown --------------------------------------------------------------------------------------
PENDING: Final = "Pending"
"""Nothing was tried yet, or something must come first that the message names."""

# --- GitHubToken, Ready=False ----------------------------------------------------------------------------------------
EXPIRED: Final = "Expired"
"""The stored token has expired and nothing is attempted."""
AWAITING_AUTHORIZATION: Final = "AwaitingAuthorization"
"""A code is shown, which a human must enter at GitHub."""
REAUTHORIZATION_REQUIRED: Final = "ReauthorizationRequired"
"""GitHub refuses the refresh token, or an old one was put back: a human must sign in again."""
ANSWER_NOT_UNDERSTOOD: Final = "AnswerNotUnderstood"
"""GitHub's answer may hold the new pair in a form that this version does not know: it is kept, for a later one."""
WRONG_ACCOUNT: Final = "WrongAccount"
"""Somebody else than `user.login` signed in."""
APP_NOT_FOUND: Final = "AppNotFound"
"""There is no App of the name that `appRef` gives."""
APP_NOT_READY: Final = "AppNotReady"
"""The App's own spec cannot be served; its `Ready` condition says why."""
APP_NOT_ALLOWED: Final = "AppNotAllowed"
"""The App may not be used from this namespace, or by this operator."""
PRIVATE_KEY_MISSING: Final = "PrivateKeyMissing"
"""The App names no private key, or the Secret or key that it names is not there."""
PRIVATE_KEY_INVALID: Final = "PrivateKeyInvalid"
"""What is stored as private key is not an unencrypted RSA private key in PEM."""
SIGNER_UNAVAILABLE: Final = "SignerUnavailable"
"""The service that signs for the App does not answer, is sealed or overloaded; time heals it."""
SIGNER_DENIED: Final = "SignerDenied"
"""The service that signs for the App refuses the operator's identity."""
SIGNER_KEY_INVALID: Final = "SignerKeyInvalid"
"""The key that `spec.signer` names is not there, is disabled, or does not sign what GitHub takes."""
CLIENT_SECRET_MISSING: Final = "ClientSecretMissing"
"""A user token cannot be refreshed without the App's client secret."""
CREDENTIAL_MISSING: Final = "CredentialMissing"
"""There is no refresh token to start from, or no personal token to copy."""
AUTHENTICATION_FAILED: Final = "AuthenticationFailed"
"""GitHub does not accept the App's key, id or client secret, or the personal token."""
INSTALLATION_NOT_FOUND: Final = "InstallationNotFound"
"""The App is not installed where the spec says."""
INSTALLATION_SUSPENDED: Final = "InstallationSuspended"
"""The installation is suspended."""
PERMISSIONS_NOT_GRANTED: Final = "PermissionsNotGranted"
"""The installation has not been granted a permission that the spec asks for."""
REPOSITORY_NOT_ACCESSIBLE: Final = "RepositoryNotAccessible"
"""A repository that the spec names does not exist or is not accessible to the installation."""
POLICY_DENIED: Final = "PolicyDenied"
"""The spec asks for more than the App's `maxPermissions` or `allowedRepositories` let tokens have."""
HOST_NOT_ALLOWED: Final = "HostNotAllowed"
"""`apiURL` or `webURL`, of the App or of a personal token, names a host that `--allowed-hosts` does not have."""
SECRET_CONFLICT: Final = "SecretConflict"
"""The Secret of that name is somebody else's."""
RATE_LIMITED: Final = "RateLimited"
"""GitHub limits the App; it is waited for as GitHub says."""
GITHUB_UNAVAILABLE: Final = "GitHubUnavailable"
"""GitHub cannot be reached, or answers with something that is not an answer."""
INVALID_SPEC: Final = "InvalidSpec"
"""The spec sets a field to a value that this operator does not serve."""
SUSPENDED: Final = "Suspended"
"""`spec.suspend` is true and the stored token has expired."""

MISSING_PERMISSION: Final = "MissingPermission"
"""The API server refuses what the operator must do: RBAC, a quota or an admission policy."""

# --- GitHubToken, NeedsHuman alone -----------------------------------------------------------------------------------
EXPIRES_SOON: Final = "ExpiresSoon"
"""The personal token is good for a while only: a human must make another."""

# --- ClusterGitHubToken, Distributed and failures --------------------------------------------------------------------
COMPLETE: Final = "Complete"
"""Each wanted namespace has the present token."""
INCOMPLETE: Final = "Incomplete"
"""Some wanted namespaces do not have the present token."""
NAMESPACE_NOT_FOUND: Final = "NamespaceNotFound"
"""`spec.namespaces.names` has a namespace that is not there."""

# --- GitHubApp -------------------------------------------------------------------------------------------------------
ACCEPTED: Final = "Accepted"
"""GitHub accepts the App's id and key."""
NOT_CHECKED: Final = "NotChecked"
"""The App has no private key, so nothing can be checked; user tokens work."""

# --- Events that are not conditions ----------------------------------------------------------------------------------
DISTRIBUTED: Final = "Distributed"
"""In a tenant's namespace: its Secret is a ClusterGitHubToken's."""
RENEW_BEFORE_IGNORED: Final = "RenewBeforeIgnored"
"""`renewBefore` is not less than the token's life."""
DATA_WITHOUT_TOKEN: Final = "DataWithoutToken"
"""A text of `secret.data` names no property of the token."""
NOT_VERIFIED: Final = "NotVerified"
"""GitHub did not accept a new token within ten seconds, and it was published, for there was no valid one."""
RESTART_TARGET_NOT_FOUND: Final = "RestartTargetNotFound"
"""A workload of `restartTargets` is not there."""
RESTARTED: Final = "Restarted"
"""A workload of `restartTargets` was restarted for a new token."""
CONSUMERS_NOT_TOLD: Final = "ConsumersNotTold"
"""Workloads were not restarted, or pods not touched, although it was tried several times."""
REVOCATION_DELAYED: Final = "RevocationDelayed"
"""The object is held, since its tokens could not be revoked yet."""
REVOCATION_FAILED: Final = "RevocationFailed"
"""The object is gone although its tokens may be alive."""

OF_EVENTS: Final = frozenset(
    {
        DISTRIBUTED,
        RENEW_BEFORE_IGNORED,
        DATA_WITHOUT_TOKEN,
        NOT_VERIFIED,
        RESTART_TARGET_NOT_FOUND,
        RESTARTED,
        CONSUMERS_NOT_TOLD,
        REVOCATION_DELAYED,
        REVOCATION_FAILED,
    }
)
"""Reasons that no condition has."""

OF_NAMESPACES: Final = frozenset({COMPLETE, INCOMPLETE, NAMESPACE_NOT_FOUND})
"""Reasons that only a ClusterGitHubToken has."""

HUMAN_NEEDED: Final = frozenset(
    {
        EXPIRED,
        AWAITING_AUTHORIZATION,
        REAUTHORIZATION_REQUIRED,
        ANSWER_NOT_UNDERSTOOD,
        WRONG_ACCOUNT,
        APP_NOT_FOUND,
        APP_NOT_READY,
        APP_NOT_ALLOWED,
        PRIVATE_KEY_MISSING,
        PRIVATE_KEY_INVALID,
        SIGNER_DENIED,
        SIGNER_KEY_INVALID,
        CLIENT_SECRET_MISSING,
        CREDENTIAL_MISSING,
        AUTHENTICATION_FAILED,
        INSTALLATION_NOT_FOUND,
        INSTALLATION_SUSPENDED,
        PERMISSIONS_NOT_GRANTED,
        REPOSITORY_NOT_ACCESSIBLE,
        POLICY_DENIED,
        HOST_NOT_ALLOWED,
        SECRET_CONFLICT,
        MISSING_PERMISSION,
        INVALID_SPEC,
    }
)

OF_SIGNERS: Final = frozenset({SIGNER_UNAVAILABLE, SIGNER_DENIED, SIGNER_KEY_INVALID})
"""What an App says while the service of `spec.signer` does not sign, which no event of the cluster ends."""

SIGN_IN_HEALS: Final = frozenset({CREDENTIAL_MISSING, REAUTHORIZATION_REQUIRED, WRONG_ACCOUNT})
"""Where the device flow is allowed, one of these begins it."""
