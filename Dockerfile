# The service, a static binary, and the root certificates. CI has no container engine, so
# it only runs `make build`, as this file does.
#
#   docker build --build-arg VERSION="$(git describe --tags --always)" -t todod .
#   docker run --env-file .env -p 8080:8080 todod
#   docker run --env-file .env todod migrate
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
# Modules change less often than code, so they have a layer of their own.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=devel
RUN make build VERSION="$VERSION"

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /src/bin/todod /todod
# A number, so that an orchestrator can see that it isn't root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/todod"]
CMD ["serve"]
