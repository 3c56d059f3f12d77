# sam build runs `make build-<LogicalId>` for every function of template.yaml
# and takes what lands in ARTIFACTS_DIR. It does not pass the architecture:
# the default here equals the template's, and a test keeps them equal. HTTP/2
# is left out of the binaries: nothing that they talk to needs it.
GOARCH ?= arm64

help:
	@echo 'make local-api runs the stack under sam local. sam build calls build-NAME for each function.'

build-%:
	name=$$(printf %s '$*' | tr '[:upper:]' '[:lower:]') && \
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -buildvcs=false \
		-tags lambda.norpc,nethttpomithttp2 -ldflags="-s -w -buildid=" \
		-o "$(ARTIFACTS_DIR)/bootstrap" "./functions/$$name"

.PHONY: help local local-api

# The stack under `sam local` on this machine's architecture. Settings come
# from the shell, so no secret is ever in a file: sam local hands a function
# each variable that template.yaml declares. Needs a DynamoDB endpoint that
# containers reach, with tables named Flows and Accounts. The deployment secret
# is a new one for each run, unless the shell has LATCHKEY_SECRET. A container
# cannot reach localhost:3000: for the client half set a provider, or walk
# through both halves with `go run ./cmd/latchkey`.
local-api: arch = $(shell go env GOHOSTARCH)
local-api:
	GOARCH=$(arch) sam build --config-env local
	TABLE_NAME=Flows ACCOUNTS_TABLE_NAME=Accounts PUBLIC_BASE_URL=http://localhost:3000 \
	LATCHKEY_SECRET_ARN= LATCHKEY_SECRET=$${LATCHKEY_SECRET:-$$(openssl rand -hex 32)} \
	AWS_ENDPOINT_URL_DYNAMODB=$${AWS_ENDPOINT_URL_DYNAMODB:-http://host.docker.internal:8000} \
	sam local start-api --config-env local --add-host host.docker.internal:host-gateway \
		--parameter-overrides Architecture=$(arch:amd64=x86_64)

local: local-api  # its older name
