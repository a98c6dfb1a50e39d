"""Refusals in GitHub's own words, by name: `fail("mint", words="ip-allow-list")` answers with one of them.

Source: the answers that public reports quote. The account is always `acme`.
"""

from __future__ import annotations

from typing import Any

WORDS: dict[str, tuple[int, dict[str, Any]]] = {
    "ip-allow-list": (
        403,
        {
            "message": "Although you appear to have the correct authorization credentials, the `acme` organization has "
            "an IP allow list enabled, and your IP address is not permitted to access this resource."
        },
    ),
    "saml": (
        403,
        {
            "message": "Resource protected by organization SAML enforcement. You must grant your OAuth token access to "
            "this organization."
        },
    ),
    "classic-forbidden": (
        403,
        {
            "message": "`acme` forbids access via a personal access token (classic). Please use a GitHub App, OAuth "
            "App, or a personal access token with fine-grained permissions."
        },
    ),
    "lifetime-policy": (
        403,
        {
            "message": "The 'acme' organization forbids access via a fine-grained personal access tokens if the "
            "token's lifetime is greater than 366 days. Please adjust your token's lifetime at the following URL: "
            "https://github.com/settings/personal-access-tokens/1"
        },
    ),
    "oauth-app-restrictions": (
        403,
        {
            "message": "Although you appear to have the correct authorization credentials, the `acme` organization has "
            "enabled OAuth App access restrictions, meaning that data access to third-parties is limited."
        },
    ),
    "account-suspended": (403, {"message": "Sorry. Your account was suspended."}),
    "app-suspended": (403, {"message": "Your application has been suspended. Contact support@github.com."}),
    "account-flagged": (403, {"message": "Your account has been flagged."}),
    "repository-blocked": (403, {"message": "Repository access blocked", "block": {"reason": "tos"}}),
    "legal": (451, {"message": "Repository access blocked", "block": {"reason": "dmca"}}),
    "billing": (403, {"message": "Recent account payments have failed: update your payment method."}),
    "enterprise-policy": (403, {"message": "An enterprise owner has disabled GitHub Apps for this organization."}),
    "managed-user": (
        403,
        {"message": "Unauthorized: As an Enterprise Managed User, you cannot access this content"},
    ),
    "abuse": (
        403,
        {
            "message": "You have triggered an abuse detection mechanism and have been temporarily blocked from calling "
            "the API. Please retry your request again later."
        },
    ),
    "unknown-issuer": (401, {"message": "'Issuer' claim ('iss') must be an Integer"}),
    "integration-not-found": (404, {"message": "Integration not found"}),
    "bad-credentials": (401, {"message": "Bad credentials"}),
    "undecodable": (401, {"message": "A JSON web token could not be decoded"}),
    "not-found": (404, {"message": "Not Found"}),
    "forbidden": (403, {"message": "Forbidden"}),
    "unauthorized-client": (200, {"error": "unauthorized_client", "error_description": "The client is not allowed."}),
    "application-suspended": (
        200,
        {
            "error": "application_suspended",
            "error_description": "Your application has been suspended. Contact support@github.com.",
        },
    ),
}
