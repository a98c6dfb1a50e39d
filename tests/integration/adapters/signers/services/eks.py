"""Stand-ins for what a pod on EKS gets its credentials from: the agent of EKS Pod Identity, and STS."""

from __future__ import annotations

import secrets
from typing import Final
from urllib.parse import parse_qs

from tests.integration.adapters.signers.services.standin import Asked, Said, StandIn

ROLE: Final = "arn:aws:iam::111122223333:role/githubtoken"
SECRET: Final = "canary-aws-secret-"


class Agent(StandIn):
    """The agent of Pod Identity, which answers whoever shows the token of the pod."""

    def __init__(self, token: str) -> None:
        super().__init__()
        self.token = token
        self.given: list[str] = []

    def answer(self, asked: Asked) -> Said:
        if asked.headers.get("authorization") != self.token:
            return Said(403, {"message": f"the token {asked.headers.get('authorization')} is not accepted"})
        self.given.append(SECRET + secrets.token_hex(16))
        return Said(
            200,
            {
                "AccessKeyId": f"ASIA{secrets.token_hex(8).upper()}",
                "SecretAccessKey": self.given[-1],
                "Token": f"canary-session-{secrets.token_hex(60)}",
                "Expiration": "2099-01-01T00:00:00Z",
                "AccountId": "111122223333",
            },
        )


class STS(StandIn):
    """AssumeRoleWithWebIdentity, which STS answers in XML."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[str] = []

    def answer(self, asked: Asked) -> Said:
        form = {name: values[0] for name, values in parse_qs(asked.body.decode()).items()}
        assert form["Action"] == "AssumeRoleWithWebIdentity"
        assert form["RoleArn"] == ROLE
        assert "authorization" not in asked.headers
        self.shown.append(form["WebIdentityToken"])
        return Said(200, _answer(), {"content-type": "text/xml"})


def refused(code: str, message: str) -> Said:
    xml = "https://sts.amazonaws.com/doc/2011-06-15/"
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    body = f'<ErrorResponse xmlns="{xml}">{error}<RequestId>1</RequestId></ErrorResponse>'
    return Said(400, body, {"content-type": "text/xml"})


def _answer() -> str:
    return f"""<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<AssumeRoleWithWebIdentityResult><Credentials>
<AccessKeyId>ASIA{secrets.token_hex(8).upper()}</AccessKeyId><SecretAccessKey>{SECRET}{secrets.token_hex(16)}</SecretAccessKey>
<SessionToken>canary-session-{secrets.token_hex(60)}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>
</Credentials><SubjectFromWebIdentityToken>system:serviceaccount:a:b</SubjectFromWebIdentityToken>
</AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""
