package awssecret_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/latchkey-go/latchkey/pkg/env"
	"github.com/latchkey-go/latchkey/pkg/store/awssecret"
)

// shelf keeps one secret with its versions and labels, as Secrets Manager does.
type shelf struct {
	*awssecret.Operator
	url      string
	mu       sync.Mutex
	at       time.Time // the time at Secrets Manager
	versions map[string]kept
	labels   map[string]string // to the id of a version
	before   func(call string) // is told of each call
	after    func(call string) // of each that was done and not answered yet
}

type kept struct {
	text string
	made time.Time
}

// newShelf has had a first version for long.
func newShelf(t *testing.T, text string) *shelf {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "y")
	s := &shelf{at: rotated, versions: map[string]kept{}, labels: map[string]string{}, before: func(string) {}, after: func(string) {}}
	s.write(text)
	s.pass(1000 * time.Hour)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url, s.Operator = server.URL, operatorAt(server.URL)
	return s
}

func operatorAt(url string) *awssecret.Operator {
	return awssecret.NewOperator(aws.Config{Region: "eu-central-1", BaseEndpoint: &url, Credentials: credentials.NewStaticCredentialsProvider("x", "y", "")}, "arn:x")
}

// keys are those of a function.
func (s *shelf) keys() *awssecret.Keys {
	k := awssecret.FromEnv(&env.Reader{Environ: []string{"AWS_REGION=eu-central-1", "AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.url}}, "arn:x", awssecret.Member)
	k.Now = s.now
	return &awssecret.Keys{Secret: k}
}

func (s *shelf) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at
}

func (s *shelf) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.at = s.at.Add(d)
}

// text is the secret as it is.
func (s *shelf) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions[s.labels["AWSCURRENT"]].text
}

// write makes a new current version by hand.
func (s *shelf) write(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.versions))
	s.versions[id] = kept{text, s.at}
	s.move(id)
}

// move makes a version current. s.mu is held.
func (s *shelf) move(id string) {
	s.labels["AWSPREVIOUS"], s.labels["AWSCURRENT"] = s.labels["AWSCURRENT"], id
}

// ServeHTTP implements [http.Handler].
func (s *shelf) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, call, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	s.before(call)
	out := s.answer(call, json.NewDecoder(r.Body))
	s.after(call)
	w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	if out == nil {
		w.WriteHeader(http.StatusBadRequest)
		out = map[string]any{"__type": "InvalidParameterException"}
	}
	_ = json.NewEncoder(w).Encode(out)
}

// answer is nil for what is refused.
func (s *shelf) answer(call string, body *json.Decoder) map[string]any {
	var in struct {
		VersionStage, SecretString, ClientRequestToken, RemoveFromVersionId, MoveToVersionId string
		VersionStages                                                                        []string
	}
	_ = body.Decode(&in)
	s.mu.Lock()
	defer s.mu.Unlock()
	id, ok := s.labels[in.VersionStage]
	switch call {
	case "GetSecretValue":
		v, there := s.versions[id]
		if !there {
			return nil
		}
		return map[string]any{"VersionId": id, "SecretString": v.text, "CreatedDate": v.made.Unix()}
	case "PutSecretValue":
		id = in.ClientRequestToken
		if v, twice := s.versions[id]; len(id) < 32 || len(id) > 64 || twice && v.text != in.SecretString {
			return nil
		}
		s.versions[id] = kept{in.SecretString, s.at}
		for _, label := range in.VersionStages {
			s.labels[label] = id
		}
	case "UpdateSecretVersionStage":
		if !ok || id != in.RemoveFromVersionId {
			return nil
		}
		id = in.MoveToVersionId
		s.move(id)
	}
	return map[string]any{"VersionId": id}
}
