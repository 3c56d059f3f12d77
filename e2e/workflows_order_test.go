package e2e_test

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
)

// fetches is what has no place beside credentials.
var fetches = regexp.MustCompile(`\b(?:go|pipx?|npm|npx|curl|wget|make|docker)\s|\bsam"? build`)

// orderProblems are those of one step or job with another.
func orderProblems(name string, w workflow) []string {
	var problems []string
	for id, j := range w.Jobs {
		for other := range w.Jobs {
			if slices.Contains(mapValues(j.Permissions), "write") && id != other && !slices.Contains(j.Needs, other) {
				problems = append(problems, fmt.Sprintf("%s %s: does not wait for %s", name, id, other))
			}
		}
		problems = append(problems, credentialProblems(name+" "+id, j)...)
	}
	switch name {
	case "release.yml":
		problems = append(problems, sameFilesProblems(w.Jobs["build"], w.Jobs["publish"])...)
	case "test.yml":
		problems = append(problems, reproducibleProblems(stepWith(w.Jobs["reproducible"], "SHA256SUMS").Run)...)
	}
	return problems
}

// credentialProblems: with credentials, nothing is fetched or built any more,
// and at the end doctor looks at what was done with them.
func credentialProblems(name string, j job) []string {
	var problems []string
	from := slices.IndexFunc(j.Steps, func(s step) bool { return s.action() == "aws-actions/configure-aws-credentials" })
	if from < 0 {
		return nil
	}
	for _, s := range j.Steps[from+1:] {
		if s.Uses != "" || fetches.MatchString(s.Run) {
			problems = append(problems, name+": fetches or builds while it has credentials: "+plain(s))
		}
	}
	last := j.Steps[len(j.Steps)-1].Run
	if !strings.Contains(last, ` doctor --stack "$STACK"`) {
		return append(problems, name+": does not ask doctor at the end")
	}
	return append(problems, doctorProblems(last)...)
}

// stepWith is the step whose action or script has that in it.
func stepWith(j job, part string) step {
	for _, s := range j.Steps {
		if strings.Contains(s.action()+" "+s.Run, part) {
			return s
		}
	}
	return step{}
}

// sameFilesProblems: what is built is what is handed over, checked, attested,
// signed and published.
func sameFilesProblems(build, publish job) []string {
	last := func(part string) string { // word of that script, seen from the top
		s := stepWith(publish, part)
		return path.Join(s.Dir, s.Run[strings.LastIndex(s.Run, " ")+1:])
	}
	made := strings.Trim(stepWith(build, "e2e/release").Run, "\n")
	made = strings.ReplaceAll(strings.Trim(made[strings.LastIndex(made, " ")+1:], `"`), "$RUNNER_TEMP", "${{ runner.temp }}")
	up, down := stepWith(build, "upload-artifact").With, stepWith(publish, "download-artifact").With
	dir := fmt.Sprint(down["path"])
	var problems []string
	for _, same := range []struct{ what, want, got string }{
		{"handed over", made, fmt.Sprint(up["path"])},
		{"fetched", fmt.Sprint(up["name"]), fmt.Sprint(down["name"])},
		{"checked", dir + "/SHA256SUMS", last("sha256sum --check --strict")},
		{"attested", dir + "/SHA256SUMS", fmt.Sprint(stepWith(publish, "attest-build-provenance").With["subject-checksums"])},
		{"signed", dir + "/SHA256SUMS", last("cosign sign-blob")},
		{"published", dir + "/*", last("gh release create")},
	} {
		if same.want != same.got {
			problems = append(problems, fmt.Sprintf("release.yml: what is %s is %s, want %s", same.what, same.got, same.want))
		}
	}
	return problems
}
