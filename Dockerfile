# The worker, its classifier's weights inside; Kafka, X and Slack are outside.
#   docker build -t feedback .
#   docker run --env-file .env -p 127.0.0.1:6066:6066 feedback
FROM python:3.11-slim AS build
# PyTorch's index for CPUs, instead of the CUDA build of 4.7 GB. For a GPU:
#   docker build --build-arg TORCH_INDEX= -t feedback .
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
WORKDIR /src
COPY pyproject.toml README.md ./
COPY requirements requirements
COPY deploy deploy
COPY models models
COPY agents agents
COPY feedback_app feedback_app
RUN deploy/install.sh /opt/feedback "$TORCH_INDEX"

FROM python:3.11-slim
RUN useradd --system --create-home --uid 10001 feedback
COPY --from=build /opt/feedback /opt/feedback
ENV PATH=/opt/feedback/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    FEEDBACK_WEB_HOST=0.0.0.0
USER feedback
WORKDIR /home/feedback
EXPOSE 6066
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('FEEDBACK_WEB_PORT', '6066') + '/healthz', timeout=5)"]
ENTRYPOINT ["feedback"]
CMD ["worker", "-l", "info"]
