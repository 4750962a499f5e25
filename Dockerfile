# syntax=docker/dockerfile:1
# One binary of this workspace in a small image: `docker build --build-arg BINARY=order-saga -t order-saga .`

FROM rust:1.95.0-bookworm AS build
# The image's own compiler is the pinned one; without this, rustup would fetch clippy and rustfmt as well.
ENV RUSTUP_TOOLCHAIN=1.95.0
# The image has OpenSSL, and its updates.
ENV OPENSSL_NO_VENDOR=1
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake libssl-dev pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
ARG BINARY=sagaline
# It keeps its own name, which is the app's: engines of a namespace all run the app of one name.
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin "$BINARY" \
 && install -D "target/release/$BINARY" "/out/$BINARY" \
 && printf '#!/bin/sh\nexec "%s" "$@"\n' "$BINARY" > /out/docker-entrypoint \
 && chmod 755 /out/docker-entrypoint

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home sagaline
COPY --from=build /out/ /usr/local/bin/
USER sagaline
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/docker-entrypoint"]
CMD ["--help"]
