# One image for every part of a Custos: `docker build -t custos:0.1.0 .`, then docker-compose.yml. See docs/deploy.md.
#
# The base is named by its full version. Whoever builds for evidence pins its digest too, and says it with the image:
#   docker buildx imagetools inspect debian:12.12-slim
ARG BASE=debian:12.12-slim

FROM ${BASE} AS base
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
COPY deploy/packages.txt /opt/custos/deploy/packages.txt
# Debian's stable versions: which patch level that is, the build's date says, and `dpkg -l` in the image.
# hadolint ignore=DL3008
RUN apt-get update -qq \
 && apt-get upgrade -y -qq \
 && grep -v '^#' /opt/custos/deploy/packages.txt | xargs apt-get install -y -qq --no-install-recommends python3 tini \
 && rm -rf /var/lib/apt/lists/*

FROM base AS build
WORKDIR /opt/custos
COPY . .
# The same set-up as everywhere; its tools (uv, npm) stay behind in this stage.
RUN bash deploy/setup.sh run \
 && python3 -m compileall -q .venv api cases clients custody custos evidence identity ingest retrieval storage transcode workers \
 && rm -rf build clients/web/node_modules

FROM base
RUN groupadd --gid 10001 custos \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/custos --shell /usr/sbin/nologin custos \
 && install -d -m 0700 -o custos -g custos /var/lib/custos
COPY --from=build /opt/custos /opt/custos
ENV PATH=/opt/custos/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CUSTOS_DATA=/var/lib/custos \
    CUSTOS_API__HOST=0.0.0.0
USER 10001:10001
WORKDIR /var/lib/custos
# All that is written lies here, and in a /tmp in memory: the rest may be read-only.
VOLUME ["/var/lib/custos"]
EXPOSE 8420
# Of the server, also where it is the one part of `custos serve`. The other parts have no port: docker-compose.yml.
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8420/readyz', timeout=4)"]
ENTRYPOINT ["tini", "--", "custos"]
CMD ["serve"]
