// What octokit does against the simulator. Called by test_octokit.py as `node cases.mjs NAME`, with the scene as JSON on
// stdin; prints the outcome as JSON, in which an error is {"name", "status", "message"}.

import { createAppAuth } from "@octokit/auth-app";
import { createOAuthDeviceAuth } from "@octokit/auth-oauth-device";
import { checkToken, deleteToken, exchangeWebFlowCode, refreshToken, resetToken } from "@octokit/oauth-methods";
import { request as plainRequest } from "@octokit/request";
import { readFileSync } from "node:fs";

const scene = JSON.parse(readFileSync(0, "utf8"));
const request = plainRequest.defaults({ baseUrl: scene.apiUrl });
const client = { clientType: "github-app", clientId: scene.clientId, clientSecret: scene.clientSecret, request };

const appAuth = () =>
  createAppAuth({
    appId: scene.appId,
    privateKey: scene.privateKey,
    clientId: scene.clientId,
    clientSecret: scene.clientSecret,
    installationId: scene.installationId,
    request,
    log: { warn: () => {} },
  });

const cases = {
  // The App's own endpoints through octokit's hook, which also mends a clock that is off.
  async app() {
    const { data } = await request.defaults({ request: { hook: appAuth().hook } })("GET /app");
    return { slug: data.slug };
  },
  // With a JWT that somebody else has signed, as a service does that has the App's key.
  async signedElsewhere() {
    const expiresAt = new Date(Date.now() + 480_000).toISOString();
    const createJwt = async () => ({ jwt: scene.jwt, expiresAt });
    const auth = createAppAuth({ appId: scene.appId, createJwt, installationId: scene.installationId, request });
    const { data } = await request.defaults({ request: { hook: auth.hook } })("GET /app");
    const { token } = await auth({ type: "installation" });
    return { slug: data.slug, token };
  },
  async installation() {
    const auth = appAuth();
    const options = { type: "installation", repositoryNames: ["website"], permissions: { contents: "read" } };
    const first = await auth(options);
    const second = await auth(options);
    return { ...first, cached: first.token === second.token };
  },
  async repositories() {
    const { data } = await request.defaults({ request: { hook: appAuth().hook } })("GET /installation/repositories");
    return { names: data.repositories.map((repository) => repository.name).sort() };
  },
  async device() {
    const auth = createOAuthDeviceAuth({
      clientType: "github-app",
      clientId: scene.clientId,
      request,
      onVerification: async ({ user_code }) => {
        const response = await fetch(`${scene.controlUrl}/device-codes/${user_code}`, {
          method: "PATCH",
          body: JSON.stringify({ approve: true, user: "alice" }),
        });
        if (!response.ok) throw new Error(await response.text());
      },
    });
    return auth({ type: "oauth" });
  },
  async refresh() {
    const { authentication } = await refreshToken({ ...client, refreshToken: scene.refreshToken });
    return authentication;
  },
  async exchange() {
    const { authentication } = await exchangeWebFlowCode({ ...client, code: scene.code });
    return authentication;
  },
  async tokens() {
    const checked = await checkToken({ ...client, token: scene.accessToken });
    const reset = await resetToken({ ...client, token: scene.accessToken });
    const deleted = await deleteToken({ ...client, token: reset.authentication.token });
    return { login: checked.data.user.login, changed: reset.authentication.token !== scene.accessToken, deleted: deleted.status };
  },
};

try {
  console.log(JSON.stringify(await cases[process.argv[2]]()));
} catch (error) {
  console.log(JSON.stringify({ name: error.name, status: error.status, message: error.message }));
}
