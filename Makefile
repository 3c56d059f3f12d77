# sam build runs `make build-<LogicalId>` for every function of template.yaml
# and takes what lands in ARTIFACTS_DIR. It does not pass the architecture:
# the default here equals the template's, and a test keeps them equal.
GOARCH ?= arm64

build-%:
	name=$$(printf %s '$*' | tr '[:upper:]' '[:lower:]') && \
	CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH) go build -trimpath -buildvcs=false \
		-tags lambda.norpc -ldflags="-s -w -buildid=" \
		-o "$(ARTIFACTS_DIR)/bootstrap" "./functions/$$name"

.PHONY: local

# The stack under `sam local` on this machine's architecture. Settings come
# from the shell, so no secret is ever in a file: sam local hands a function
# each variable that template.yaml declares. Needs a DynamoDB endpoint that
# containers reach, with a table named Flows.
local: arch = $(shell go env GOHOSTARCH)
local:
	GOARCH=$(arch) sam build --config-env local
	TABLE_NAME=Flows PUBLIC_BASE_URL=http://localhost:3000 \
	AWS_ENDPOINT_URL_DYNAMODB=$${AWS_ENDPOINT_URL_DYNAMODB:-http://host.docker.internal:8000} \
	sam local start-api --config-env local --add-host host.docker.internal:host-gateway \
		--parameter-overrides Architecture=$(arch:amd64=x86_64)
