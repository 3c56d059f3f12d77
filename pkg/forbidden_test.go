package pkg_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// forbidden are the spellings that have no good use in this code: they lose
// parameters, follow redirects with credentials, post a code twice or compare
// secrets in a time that depends on them (P-19).
var forbidden = map[string]*regexp.Regexp{
	"FormValue drops broken and repeated parameters": regexp.MustCompile(`\.(Post)?FormValue\(`),
	"URL.Query() drops what it cannot read":          regexp.MustCompile(`\.URL\.Query\(\)`),
	"the default client follows redirects":           regexp.MustCompile(`http\.(DefaultClient|Get\(|Post\(|PostForm\(|Head\()`),
	"auto-detection posts a code twice":              regexp.MustCompile(`AuthStyleAutoDetect`),
	"secrets are compared in constant time":          regexp.MustCompile(`[!=]= *\w*\.Reveal\(\)|\.Reveal\(\) *[!=]= *[^"]`),
	"TLS is verified":                                regexp.MustCompile(`InsecureSkipVerify`),
}

func TestForbidden_P19(t *testing.T) {
	for _, root := range []string{"pkg", "functions", "cmd"} {
		walk(t, root, func(_, file string, _ []string) {
			src, err := os.ReadFile(filepath.Join("..", file))
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range findForbidden(string(src)) {
				t.Errorf("%s: %s", file, finding)
			}
		})
	}
}

func findForbidden(src string) []string {
	var found []string
	for i, line := range strings.Split(src, "\n") {
		code, _, _ := strings.Cut(line, "//")
		for why, re := range forbidden {
			if re.MatchString(code) {
				found = append(found, why+": line "+strconv.Itoa(i+1)+": "+strings.TrimSpace(line))
			}
		}
	}
	return found
}

func TestForbiddenCatches(t *testing.T) {
	for _, line := range []string{
		`code := r.FormValue("code")`, `v := r.URL.Query()`, `http.DefaultClient.Do(req)`, `http.Get(url)`,
		`AuthStyle: oauth2.AuthStyleAutoDetect`, `if a.Reveal() == b {`, `&tls.Config{InsecureSkipVerify: true}`,
	} {
		if len(findForbidden(line)) == 0 {
			t.Errorf("not found: %s", line)
		}
	}
}
