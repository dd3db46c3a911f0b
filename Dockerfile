# A server of saved models: CPU torch, no root, nothing but the package and what it needs.
#
#   docker build --build-arg PIP_EXTRA_INDEX_URL=… -t latentcast .
#   docker run --rm -p 127.0.0.1:8000:8000 -e LATENTCAST_TOKEN -v "$PWD/runs/load:/models/load:ro" latentcast /models/load
#
# PIP_EXTRA_INDEX_URL is the address of PyTorch's CPU wheels, which its installation page names: without it pip finds no
# build of torch without CUDA, and says so.
FROM python:3.11-slim-bookworm AS build
ARG PIP_EXTRA_INDEX_URL
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/latentcast
ENV PATH=/opt/latentcast/bin:$PATH
WORKDIR /build
COPY pyproject.toml constraints.txt README.md LICENSE THIRD_PARTY_NOTICES.md ./
RUN pip install "torch==$(sed -n 's/^torch==//p' constraints.txt)+cpu"
COPY src ./src
RUN pip install --constraint constraints.txt ".[serve,onnx,excel]"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/latentcast /opt/latentcast
ENV PATH=/opt/latentcast/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 HOME=/tmp MPLCONFIGDIR=/tmp/matplotlib
WORKDIR /models
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/health', timeout=2)"]
ENTRYPOINT ["latentcast", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["/models/model"]
