# The host with its plugins: `docker build -t devconnect .`
#
# The first build compiles wasmtime as it is shipped (thin LTO), a quarter of an hour and more; what is compiled is kept in the
# builder's cache.

FROM rust:1.95-slim-bookworm AS build
# For the C of librdkafka; it links the system's OpenSSL.
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libssl-dev make pkg-config zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY rust-toolchain.toml ./
RUN rustup target add wasm32-wasip2
COPY . .
ENV CI=true
ENV DEVCONNECT_GUEST_TOOLCHAIN=installed
# Both packages, as `cargo xtask build` does: together they choose the features that everything is compiled with once.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo xtask build --plugins \
    && cargo build --locked --profile ship --package devconnect-host --package devconnect-sdk --bin devconnect \
    && mkdir -p /out/target \
    && cp target/ship/devconnect /out/ \
    && cp -r target/plugins /out/target/

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libssl3 zlib1g \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/devconnect --shell /usr/sbin/nologin devconnect \
    && chmod 700 /var/lib/devconnect
WORKDIR /opt/devconnect
COPY --from=build /out/devconnect /usr/local/bin/devconnect
# Root's: the host may not change what it runs.
COPY --from=build /out/target/plugins target/plugins
COPY devconnect.toml ./
ENV DEVCONNECT_CONFIG=/opt/devconnect/devconnect.toml
ENV DEVCONNECT_SERVER_LISTEN=0.0.0.0:3000
ENV DEVCONNECT_STORES_DATA=/var/lib/devconnect
USER 10001
VOLUME /var/lib/devconnect
EXPOSE 3000
# No curl is in the image; bash opens connections by itself.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-3000} && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["devconnect"]
CMD ["serve"]
