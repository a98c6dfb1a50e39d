# The operator, and the GitHub simulator that `helm test` uses.
#
#     docker build --target operator .        (podman and buildah take it too)
#     docker build --target simulator .

# The base, by its digest: the image of 25 August 2026 with Python 3.13.15, as docker-library/repo-info has it at bc9bbb4.
# docs/installation.md says how to find a newer one.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim-bookworm@sha256:cbd229d7b9bd041012af758ce5ffd807a6518d76493ce9035d208f1db9ceff1e

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY requirements.lock requirements-build.lock ./
# The environment has no pip of its own: what runs does not install.
RUN python -m venv --without-pip /app && python -m venv /build \
    && /build/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements-build.lock \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-compile --no-deps --require-hashes \
        --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY deploy/crds deploy/crds
COPY operator operator
# The imports leave the bytecode of what a start, the commands and the services that sign need, and of nothing else: the root
# is read-only later.
RUN /build/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir /wheel . \
    && /build/bin/pip --python /app/bin/python install --no-cache-dir --no-compile --no-deps --no-index /wheel/*.whl \
    && /app/bin/githubtoken --help > /dev/null \
    && /app/bin/python -c 'from githubtoken_operator.process import imports; imports.leave_out(); \
        import githubtoken_operator.process.serve; from githubtoken_operator.adapters.signers.services import \
        aws_kms, azure_key_vault, gcp_kms, pkcs11, vault'

FROM ${PYTHON_IMAGE} AS runtime
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.licenses="Apache-2.0" \
    org.opencontainers.image.base.name="${PYTHON_IMAGE}" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}"
COPY --from=build /app /app
# kopf asks for a user's name, and the Kubernetes client for its home: a numeric user has neither in /etc/passwd.
ENV PATH=/app/bin:/usr/local/bin:/usr/bin:/bin USER=githubtoken HOME=/ PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532

FROM runtime AS simulator
LABEL org.opencontainers.image.title="githubtoken-simulator" \
    org.opencontainers.image.description="A GitHub for tests: not for production"
COPY simulator /simulator
ENV PYTHONPATH=/simulator
ENTRYPOINT ["/app/bin/python", "-m", "github_simulator"]

FROM runtime AS operator
LABEL org.opencontainers.image.title="githubtoken-operator" \
    org.opencontainers.image.description="Keeps GitHub tokens in Kubernetes Secrets and renews them before they expire"
ENTRYPOINT ["/app/bin/githubtoken"]
CMD ["run"]
