package e2e_test

import (
	"strings"
	"testing"
)

// planted is a fault, and how the rule against it begins or goes on. Each is
// noticed by that rule: with any other one dropped it still is.
type planted struct{ file, old, new, says string }

var plantedBasics = []planted{
	{"test.yml", "@08c6903cd8c0fde910a37f88322edcfb5dd907a8 # v5.0.0", "@v5", "not pinned by a commit"},
	{"test.yml", "907a8 # v5.0.0", "907a8", "not pinned by a commit"},
	{"test.yml", "persist-credentials: false", "persist-credentials: true", "leaves its token behind"},
	{"test.yml", "  pull_request:\n", "  pull_request_target:\n", "forbidden: pull_request_target"},
	{"test.yml", "    timeout-minutes: 90\n", "", "0 minutes"},
	{"test.yml", "    timeout-minutes: 90\n", "    timeout-minutes: 360\n", "360 minutes"},
	{"test.yml", "GOTOOLCHAIN: local", "GOTOOLCHAIN: auto", "toolchain is not fixed"},
	{"test.yml", "GO_VERSION: '1.26.8'", "GO_VERSION: '1.26'", "toolchain is not fixed"},
	{"test.yml", "  GOTOOLCHAIN: local\n", "  GOTOOLCHAIN: local\n  GONOSUMDB: '*'\n", "toolchain is not fixed"},
	{"test.yml", "govulncheck@v1.8.0", "govulncheck@latest", "has no version"},
	{"test.yml", "cfn-lint==1.51.0", "cfn-lint", "has no version"},
	{"test.yml", "run: .ci/run", "run: .ci/walk", "there is no .ci/walk"},
	{"test.yml", "go run ./e2e/release", "go run ./e2e/releases", "there is no ./e2e/releases"},
	{"release.yml", "./.github/workflows/test.yml", "./.github/workflows/tests.yml", "there is no ./.github"},
	{"release.yml", "    environment: release\n", "", "writes without an environment"},
	{"release.yml", "ubuntu-24.04", "self-hosted", `runs on "self-hosted"`},
	{"deploy.yml", "          cache: false\n", "", "a cache that others can fill"},
	{"deploy.yml", "go-version: ${{ env.GO_VERSION }}", "go-version: stable", "another Go"},
	{"deploy.yml", "aws-sam-cli==1.170.0", "aws-sam-cli", "has no version"},
}

// plantedStarts: who starts what, with which permissions, after what.
var plantedStarts = []planted{
	{"test.yml", "  contents: read", "  contents: write", "the default permission"},
	{"test.yml", "permissions:\n  contents: read\n", "", "the default permission"},
	{"test.yml", "  pull_request:\n", "  pull_request:\n    paths: ['**.go']\n", "the start"},
	{"test.yml", "    - cron: '17 4 * * 1'", "    - cron: '17 4 1 1 *'", "the start"},
	{"release.yml", "    tags: ['v*']", "    branches: [main]", "the start"},
	{"release.yml", "    tags: ['v*']", "    tags: ['**']", "the start"},
	{"deploy.yml", "  workflow_dispatch:", "  push:\n  workflow_dispatch:", "the start"},
	{"deploy.yml", "        type: environment\n", "        type: string\n", "the start"},
	{"deploy.yml", "concurrency:\n  group: deploy-${{ inputs.stack }}\n", "concurrency:\n", "the group"},
	{"deploy.yml", "cancel-in-progress: false", "cancel-in-progress: true", "the group"},
	{"release.yml", "      id-token: write\n", "      id-token: write\n      packages: write\n", "the permission"},
	{"release.yml", "  build:\n", "  build:\n    permissions:\n      contents: write\n", "the permission"},
	{"release.yml", "    environment: release\n", "    environment: test\n", "the environment"},
	{"deploy.yml", "environment: ${{ inputs.environment }}", "environment: production", "the environment"},
	{"release.yml", "    needs: [checks, build]\n", "    needs: [build]\n", "does not wait for checks"},
	{"release.yml", "    needs: [checks, build]\n", "    needs: [checks]\n", "does not wait for build"},
	{"release.yml", "    needs: [checks, build]\n", "    needs: [build]\n", "what it needs"},
	{"release.yml", "  checks:\n    uses: ./.github/workflows/test.yml\n", "", "the job is missing"},
	{"release.yml", "./.github/workflows/test.yml", "./.github/workflows/deploy.yml", "a step is not"},
	{"test.yml", "  vulnerabilities:\n", "  weaknesses:\n", "a job that nobody stated"},
	{"test.yml", "  vulnerabilities:\n", "  weaknesses:\n", "the job is missing"},
	{"test.yml", "    timeout-minutes: 90\n", "    timeout-minutes: 90\n    if: false\n", "field if not found"},
	{"test.yml", "        run: .ci/run\n", "        if: github.event_name == 'push'\n        run: .ci/run\n", "field if not found"},
	{"release.yml", "    needs: [checks, build]\n", "    needs: [checks, build]\n    if: always()\n", "field if not found"},
	{"test.yml", "        run: .ci/run\n", "        continue-on-error: true\n        run: .ci/run\n", "field continue-on-error not found"},
	{"test.yml", "jobs:\n", "defaults:\n  run:\n    shell: bash {0} || true\n\njobs:\n", "field defaults not found"},
	{"test.yml", "        run: .ci/run\n", "        run: .ci/run\n        shell: ${{ vars.SHELL }}\n", "an expression in shell"},
	{"test.yml", "        run: .ci/run\n", "        run: .ci/run\n        shell: cat {0}\n", "field shell not found"},
	{"release.yml", `"$GITHUB_REF_NAME"`, "${{ github.ref_name }}", "an expression in run"},
	{"test.yml", "runs-on: ubuntu-24.04", "runs-on: ${{ vars.RUNNER }}", "an expression in runs-on"},
}

// plantedSteps: what the steps do, to which files, with which credentials.
var plantedSteps = []planted{
	{"test.yml", "golang.org/x/vuln/cmd/govulncheck", "example.com/other", "a step is not"},
	{"test.yml", "govulncheck@v1.8.0 ./...", "govulncheck@v1.8.0 ./pkg/env", "a step is not"},
	{"test.yml", "govulncheck@v1.8.0 ./...", "govulncheck@v1.8.0 ./... || true", "passes over a failure"},
	{"test.yml", "govulncheck@v1.8.0 ./...", "govulncheck@v1.8.0 ./... | tee report", "passes over a failure"},
	{"test.yml", "run: .ci/run", "run: .ci/run || echo '::warning::'", "passes over a failure"},
	{"test.yml", "run: .ci/run", "run: 'set +e; .ci/run; exit 0'", "passes over a failure"},
	{"test.yml", "run: .ci/run", "run: echo .ci/run", "does nothing"},
	{"deploy.yml", "run: pipx install aws-sam-cli==1.170.0", "run: curl https://example.com/sam | sh", "forbidden: | sh"},
	{"release.yml", "run: go mod download && go mod verify", "run: go mod verify && go mod download; echo", "passes over a failure"},
	{"test.yml", `"$RUNNER_TEMP/one/SHA256SUMS" "$RUNNER_TEMP/two/SHA256SUMS"`, `"$RUNNER_TEMP/one/SHA256SUMS" "$RUNNER_TEMP/one/SHA256SUMS"`, "a build that differs is not noticed"},
	{"test.yml", `/two/SHA256SUMS"`, `/two/SHA256SUMS" || true`, "a build that differs is not noticed"},
	{"test.yml", "          cd \"$RUNNER_TEMP/elsewhere\"\n", "", "built in one directory"},
	{"test.yml", "cache-two", "cache-one", "may link what the first compiled"},
	{"test.yml", "GOCACHE=\"$RUNNER_TEMP/cache-one\" ", "", "may link what the first compiled"},
	{"release.yml", "subject-checksums: dist/SHA256SUMS", "subject-checksums: other/SHA256SUMS", "what is attested"},
	{"release.yml", "subject-checksums: dist/SHA256SUMS", "subject-path: README.md", "what is attested"},
	{"release.yml", "SHA256SUMS.sigstore.json SHA256SUMS", "SHA256SUMS.sigstore.json sbom.cdx.json", "what is signed"},
	{"release.yml", "without a key to keep\n        working-directory: dist\n", "without a key to keep\n", "what is signed"},
	{"release.yml", "generate-notes dist/*", "generate-notes other/*", "what is published"},
	{"release.yml", "path: ${{ runner.temp }}/dist", "path: ${{ runner.temp }}/other", "what is handed over"},
	{"release.yml", "          name: dist\n          path: dist\n", "          name: other\n          path: dist\n", "what is fetched"},
	{"release.yml", "      - name: The files are those that were built\n        working-directory: dist\n        run: sha256sum --check --strict SHA256SUMS\n", "", "what is checked"},
	{"release.yml", " --verify-tag", "", "a step is not"},
	{"release.yml", "github.token", "secrets.TOKEN", "a stored credential"},
	{"release.yml", "    uses: ./.github/workflows/test.yml\n", "    uses: ./.github/workflows/test.yml\n    secrets: inherit\n", "a stored credential"},
	{"deploy.yml", "role-to-assume: ${{ vars.AWS_ROLE_ARN }}", "aws-access-key-id: ${{ vars.AWS_KEY }}", "a stored credential"},
	{"deploy.yml", "STACK: ${{ inputs.stack }}", "AWS_ROLE: AKIA" + "IOSFODNN7EXAMPLE", "a stored credential"},
	{"deploy.yml", "role-to-assume: ${{ vars.AWS_ROLE_ARN }}", "role-to-assume: ${{ inputs.stack }}", "a step is not"},
	{"deploy.yml", "--no-confirm-changeset", "--no-confirm-changeset --role-arn \"$STACK\"", "a step is not"},
	{"deploy.yml", "      - name: Deploy\n", "      - run: go generate ./pkg/page\n      - name: Deploy\n", "while it has credentials"},
	{"deploy.yml", `doctor --stack "$STACK"`, `version`, "does not ask doctor"},
	{"deploy.yml", `|| status=$?`, `|| true`, "doctor, something to mend: ends with 0"},
	{"deploy.yml", `"$status" = 2`, `"$status" != 0`, "a step is not"},
	{"deploy.yml", ` && grep -q '^To mend: 0\. Not checked: ' "$RUNNER_TEMP/report"`, "", "doctor, a crash: ends with 0"},
	{"deploy.yml", `"$status" = 2`, `"$status" = 3`, "doctor, a secret that it may not read: ends with 2"},
	{"deploy.yml", "          cat \"$RUNNER_TEMP/report\"\n", "", "the report is not shown"},
	{"deploy.yml", `          exit "$status"`, `          exit 0`, "doctor, something to mend: ends with 0"},
}

func TestWorkflowMutations(t *testing.T) {
	exists := inRepository(t)
	for _, faults := range [][]planted{plantedBasics, plantedStarts, plantedSteps} {
		for _, p := range faults {
			text := read(t, ".github/workflows/"+p.file)
			changed := strings.Replace(text, p.old, p.new, 1)
			problems := strings.Join(workflowProblems(p.file, changed, exists), "\n")
			if changed == text || !strings.Contains(problems, p.says) {
				t.Errorf("%s: %q: nothing says %q, but:\n%s", p.file, p.new, p.says, problems)
			}
		}
	}
	// The last step of the deployment, as a whole.
	text := read(t, ".github/workflows/deploy.yml")
	cut := text[:strings.Index(text, "      # 2 is")]
	if problems := strings.Join(workflowProblems("deploy.yml", cut, exists), "\n"); !strings.Contains(problems, "does not ask doctor") {
		t.Errorf("without doctor: %s", problems)
	}
}
