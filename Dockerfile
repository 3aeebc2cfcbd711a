# The server. Re-executing a session needs a container engine as well: docker-compose.yml says how it gets one.
ARG PYTHON_IMAGE=python:3.11-slim
FROM ${PYTHON_IMAGE}

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DATA_DIR=/data \
    REPOS_DIR=/srv/repos \
    HOST=0.0.0.0 \
    PORT=8000

RUN groupadd --gid 10001 telemetry \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin telemetry \
 && install --directory --owner=telemetry --group=telemetry --mode=0750 /data

WORKDIR /srv/pr-telemetry
COPY requirements.txt ./
RUN pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

# the pytest plugin stands beside the package: `record` hands it to the projects that are recorded
COPY main.py pr_telemetry_pytest.py ./
COPY app ./app
COPY sample_repo /srv/repos/sample_repo
# a clone made under a strict umask is still readable by the server's user
RUN chmod -R a+rX . /srv/repos && python -m compileall -q app main.py pr_telemetry_pytest.py

USER 10001:10001
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health', timeout=4)"]
CMD ["python", "-m", "app", "serve"]
