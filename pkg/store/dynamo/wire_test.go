package dynamo_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// These tests need Go alone: they look at what goes over the wire and what is
// made of replies that no DynamoDB stand-in gives on request.

// wire is a store whose requests end in the test.
func wire() (*dynamo.Store, *storetest.Faults, *requests) {
	kept := &requests{}
	f := &storetest.Faults{Next: kept}
	return dynamo.NewFromConfig(config(&http.Client{Transport: f}), "flows", "http://dynamodb.invalid"), f, kept
}

// requests keeps what was asked, by operation, and answers with an empty success.
type requests struct {
	mu   sync.Mutex
	body []map[string]any
}

func (k *requests) RoundTrip(r *http.Request) (*http.Response, error) {
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return nil, err
	}
	k.mu.Lock()
	k.body = append(k.body, body)
	k.mu.Unlock()
	return storetest.Reply(http.StatusOK, `{}`)(nil, r)
}

// image is the JSON of an item; attributes replace or (empty) remove those of
// a login that cookieHash may claim until a time far away.
func image(attributes map[string]string) string {
	item := map[string]string{
		"pk": `{"S":"login#k"}`, "v": `{"N":"1"}`, "browser_hash": `{"S":"cookie-hash"}`,
		"sealed": `{"B":"Y2lwaGVydGV4dA=="}`, "expires_at": `{"N":"2000000000"}`,
	}
	for name, value := range attributes {
		if item[name] = value; value == "" {
			delete(item, name)
		}
	}
	var parts []string
	for name, value := range item {
		parts = append(parts, strconv.Quote(name)+":"+value)
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// refused is a failed condition with the old item, as DynamoDB shows it.
func refused(item string) storetest.Fault {
	return storetest.Reply(http.StatusBadRequest,
		`{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":`+item+`}`)
}

const cookieHash = "cookie-hash"

var early = time.Unix(1_900_000_000, 500_000_000)

func TestPutLoginOnTheWire(t *testing.T) {
	s, _, kept := wire()
	r := session.Record{Key: "login#k", BrowserHash: cookieHash, Sealed: []byte("ciphertext"), ExpiresAt: time.Unix(2_000_000_000, 0)}
	if err := s.PutLogin(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{{"TableName": "flows", "Item": map[string]any{
		"pk": map[string]any{"S": "login#k"}, "v": map[string]any{"N": "1"},
		"browser_hash": map[string]any{"S": cookieHash}, "expires_at": map[string]any{"N": "2000000000"},
		"sealed": map[string]any{"B": base64.StdEncoding.EncodeToString([]byte("ciphertext"))},
	}}}
	if diff := cmp.Diff(want, kept.body); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
}

// The whole of a claim is one conditional write, and a retry of it carries the
// same nonce: with any other, a lost reply would look like a replay (F-05).
func TestClaimLoginOnTheWire_F05(t *testing.T) {
	s, f, kept := wire()
	claimed := storetest.Reply(http.StatusOK, `{"Attributes":`+image(map[string]string{"claim": `{"S":"n1"}`})+`}`)
	f.Plan("UpdateItem", storetest.DropReply, storetest.DropReply,
		func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
			if _, err := next.RoundTrip(r); err != nil {
				return nil, err
			}
			return claimed(next, r)
		})
	r, err := s.ClaimLogin(t.Context(), "login#k", cookieHash, "n1", early)
	if err != nil || r.Claim != "n1" || string(r.Sealed) != "ciphertext" {
		t.Fatalf("%+v, %v", r, err)
	}
	want := map[string]any{
		"TableName": "flows", "Key": map[string]any{"pk": map[string]any{"S": "login#k"}},
		"UpdateExpression":         "SET #claim = :n",
		"ConditionExpression":      "#v = :v AND #expires > :now AND #browser = :browser AND (attribute_not_exists(#claim) OR #claim = :n)",
		"ExpressionAttributeNames": map[string]any{"#v": "v", "#expires": "expires_at", "#browser": "browser_hash", "#claim": "claim"},
		"ExpressionAttributeValues": map[string]any{
			":v": map[string]any{"N": "1"}, ":now": map[string]any{"N": "1900000000"},
			":browser": map[string]any{"S": cookieHash}, ":n": map[string]any{"S": "n1"},
		},
		"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
	}
	if len(kept.body) != 3 {
		t.Fatalf("%d requests, want 3", len(kept.body))
	}
	for i, got := range kept.body {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i, diff)
		}
	}
}

// The old image alone gives the verdict: no read is needed for it.
func TestClaimLoginByTheOldImage(t *testing.T) {
	cases := []struct {
		name       string
		attributes map[string]string
		want       error
		withRecord bool
	}{
		{"expired this second", map[string]string{"expires_at": `{"N":"1900000000"}`}, session.ErrExpired, true},
		{"of another browser", map[string]string{"browser_hash": `{"S":"other"}`}, session.ErrOtherBrowser, false},
		{"used", map[string]string{"claim": `{"S":"n0"}`}, session.ErrUsed, true},
		{"claimed by this request", map[string]string{"claim": `{"S":"n1"}`}, nil, true},
		{"expired, of another browser, used", map[string]string{"expires_at": `{"N":"1"}`,
			"browser_hash": `{"S":"other"}`, "claim": `{"S":"n0"}`}, session.ErrExpired, true},
		{"of another browser, used", map[string]string{"browser_hash": `{"S":"other"}`, "claim": `{"S":"n0"}`}, session.ErrOtherBrowser, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f, _ := wire()
			f.Plan("UpdateItem", refused(image(c.attributes)))
			r, err := s.ClaimLogin(t.Context(), "login#k", cookieHash, "n1", early)
			if !errors.Is(err, c.want) {
				t.Errorf("error %v, want %v", err, c.want)
			}
			if got := len(r.Sealed) > 0; got != c.withRecord {
				t.Errorf("record returned: %v, want %v", got, c.withRecord)
			}
			if f.Seen("GetItem") > 0 {
				t.Error("it was read as well")
			}
		})
	}
}

func TestClaimLoginOfACorruptItem_F12(t *testing.T) {
	cases := []struct{ name, attribute, value string }{
		{"no version", "v", ""},
		{"a newer version", "v", `{"N":"2"}`},
		{"version of the wrong type", "v", `{"S":"1"}`},
		{"no browser", "browser_hash", ""},
		{"browser of the wrong type", "browser_hash", `{"SS":["a","b"]}`},
		{"an empty browser", "browser_hash", `{"S":""}`},
		{"no payload", "sealed", ""},
		{"payload of the wrong type", "sealed", `{"M":{}}`},
		{"an empty payload", "sealed", `{"B":""}`},
		{"no expiry", "expires_at", ""},
		{"expiry with a fraction", "expires_at", `{"N":"2000000000.5"}`},
		{"expiry beyond any clock", "expires_at", `{"N":"1e40"}`},
		{"expiry of the wrong type", "expires_at", `{"BOOL":true}`},
		{"claim of the wrong type", "claim", `{"NULL":true}`},
		{"an empty claim", "claim", `{"S":""}`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			item := image(map[string]string{c.attribute: c.value})
			for how, fault := range map[string]storetest.Fault{
				"old image": refused(item),
				"new image": storetest.Reply(http.StatusOK, `{"Attributes":`+item+`}`),
			} {
				s, f, _ := wire()
				f.Plan("UpdateItem", fault)
				r, err := s.ClaimLogin(t.Context(), "login#k", cookieHash, "n1", early)
				if !errors.Is(err, session.ErrUnknown) || !cmp.Equal(r, session.Record{}) {
					t.Fatalf("%s: %+v, %v", how, r, err)
				}
				storetest.CheckCause(t, err, c.attribute, session.Record{Key: "login#k", BrowserHash: cookieHash, Sealed: []byte("ciphertext")})
			}
		})
	}
}
