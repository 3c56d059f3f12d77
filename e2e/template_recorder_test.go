package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/latchkey-go/latchkey/e2e/stack"
)

// recorder stands in front of a DynamoDB endpoint and keeps who asked for
// what: "Login dynamodb:PutItem on TABLE login#".
type recorder struct {
	*httptest.Server
	functions []string

	mu       sync.Mutex
	calls    map[string]bool
	greatest map[string]int // bytes of the greatest item put, by prefix
}

func record(t *testing.T, endpoint string, functions []string) *recorder {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	rec := &recorder{functions: functions, calls: map[string]bool{}, greatest: map[string]int{}}
	rec.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		rec.keep(r, body)
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(rec.Close)
	return rec
}

func (rec *recorder) keep(r *http.Request, body []byte) {
	_, operation, found := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	if !found {
		return // a connection that is opened in advance
	}
	type keyed struct {
		PK struct{ S string } `json:"pk"`
	}
	var call struct {
		TableName    string
		IndexName    string
		Key, Item    keyed
		RequestItems map[string]struct{ Keys []keyed }
	}
	_ = json.Unmarshal(body, &call)
	who := "somebody"
	for _, id := range rec.functions {
		if strings.Contains(r.Header.Get("Authorization"), "Credential="+stack.AccessKeyID(id)+"/") {
			who = id
		}
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	add := func(table string, k keyed) {
		prefix, _, _ := strings.Cut(k.PK.S, "#")
		rec.calls[fmt.Sprintf("%s dynamodb:%s on %s %s#", who, operation, table, prefix)] = true
	}
	if call.IndexName != "" {
		rec.calls[fmt.Sprintf("%s dynamodb:%s on %s/index/%s", who, operation, call.TableName, call.IndexName)] = true
		return
	}
	rec.measure(body)
	if len(call.RequestItems) == 0 {
		key := call.Key
		if key.PK.S == "" {
			key = call.Item
		}
		add(call.TableName, key)
	}
	for table, items := range call.RequestItems {
		for _, key := range items.Keys {
			add(table, key)
		}
	}
}

// measure keeps the size of an item that is put, as DynamoDB counts it.
func (rec *recorder) measure(body []byte) {
	var put struct {
		Item map[string]struct {
			S, N *string
			B    []byte
		}
	}
	if json.Unmarshal(body, &put) != nil || put.Item["pk"].S == nil {
		return
	}
	size := 0
	for name, v := range put.Item {
		size += len(name) + len(v.B)
		if v.S != nil {
			size += len(*v.S)
		}
		if v.N != nil {
			size += len(*v.N)/2 + 2
		}
	}
	prefix, _, _ := strings.Cut(*put.Item["pk"].S, "#")
	rec.greatest[prefix] = max(rec.greatest[prefix], size)
}
