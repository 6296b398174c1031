# The service and nothing else. `make image` builds the binaries that this file takes, and
# the images. docker, podman and buildah read the same file.
FROM scratch

# The platform's architecture: amd64 or arm64.
ARG TARGETARCH
# Readable and executable whatever the builder's umask is, and writable by nobody.
COPY --chmod=0555 bin/image/linux-${TARGETARCH}/todod /todod

# A number, so that orchestrators can see that it isn't root; there is no /etc/passwd.
USER 65532:65532
EXPOSE 8080
# Begins the drain. It is the default; said here since a base image could change it.
STOPSIGNAL SIGTERM
# Docker, podman and compose run it; Kubernetes probes /readyz instead. A start takes
# less than a second, but the database may be waking up.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 CMD ["/todod", "healthcheck"]
ENTRYPOINT ["/todod"]
CMD ["serve"]

ARG VERSION=devel
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="todod" \
      org.opencontainers.image.description="The todo service: Connect, gRPC, gRPC-Web, JSON and REST on one port" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
