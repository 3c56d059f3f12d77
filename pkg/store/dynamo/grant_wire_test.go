package dynamo_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/grant"
	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

func str(v string) map[string]any { return map[string]any{"S": v} }
func num(v string) map[string]any { return map[string]any{"N": v} }

// grantImage is the JSON of a grant that has been rotated to seq by claim.
func grantImage(status, seq, claim string) string {
	item := `{"pk":{"S":"grant#k"},"v":{"N":"1"},"user":{"S":"u"},"created":{"N":"1800000000"},"client":{"S":"client"},` +
		`"redirect":{"S":"redirect"},"challenge":{"S":"challenge"},"status":{"S":"` + status + `"},"seq":{"N":"` + seq + `"},` +
		`"rotated_at":{"N":"1900000000"},"code_expires_at":{"N":"1900000100"},"idle_at":{"N":"1900000900"},` +
		`"max_at":{"N":"2000000000"},"expires_at":{"N":"2000000100"},"sealed":{"B":"Y2lwaGVydGV4dA=="}`
	if claim != "" {
		item += `,"claim":{"S":"` + claim + `"}`
	}
	return item + "}"
}

// checkWire compares one write with what it must be. It names neither the
// user nor the time of creation: the index is not written to.
func checkWire(t *testing.T, kept *requests, update, condition string, names map[string]any, values map[string]any) {
	t.Helper()
	want := map[string]any{
		"TableName": "flows", "Key": map[string]any{"pk": str("grant#k")},
		"UpdateExpression": update, "ConditionExpression": condition,
		"ExpressionAttributeNames": names, "ExpressionAttributeValues": values,
		"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
	}
	if len(kept.body) == 0 {
		t.Fatal("nothing was sent")
	}
	for i, got := range kept.body {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i, diff)
		}
	}
}

// answerAfter passes a request on and answers in place of what it got.
func answerAfter(body string) storetest.Fault {
	return func(next http.RoundTripper, r *http.Request) (*http.Response, error) {
		if _, err := next.RoundTrip(r); err != nil {
			return nil, err
		}
		return storetest.Reply(http.StatusOK, body)(nil, r)
	}
}

func TestRedeemCodeOnTheWire_F05(t *testing.T) {
	d := grant.Redemption{
		Client: "client", Redirect: "redirect", Challenge: "challenge", Nonce: "n1", Now: early, IdleAt: early.Add(15 * time.Minute),
	}
	base := "#v = :v AND #status = :code AND #seq = :zero AND #ends > :now AND #client = :client"
	cases := []struct{ name, redirect, challenge, condition string }{
		{"with all there is", "redirect", "challenge", " AND #redirect = :redirect AND #challenge = :challenge"},
		{"without a challenge", "redirect", "", " AND #redirect = :redirect AND attribute_not_exists(#challenge)"},
		{"without a redirect URI", "", "challenge", " AND attribute_not_exists(#redirect) AND #challenge = :challenge"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f, kept := wire()
			f.Plan("UpdateItem", storetest.DropReply, storetest.DropReply, answerAfter(`{"Attributes":`+grantImage("active", "1", "n1")+`}`))
			d := d
			d.Redirect, d.Challenge = c.redirect, c.challenge
			r, err := s.RedeemCode(t.Context(), "grant#k", d)
			if c.name == "with all there is" && (err != nil || r.Seq != 1 || r.Claim != "n1") {
				t.Fatalf("%+v, %v", r, err)
			}
			values := map[string]any{
				":v": num("1"), ":code": str("code"), ":zero": num("0"), ":now": num("1900000000"), ":client": str("client"),
				":active": str("active"), ":one": num("1"), ":n": str("n1"), ":idle": num("1900000900"),
			}
			if c.redirect != "" {
				values[":redirect"] = str(c.redirect)
			}
			if c.challenge != "" {
				values[":challenge"] = str(c.challenge)
			}
			if len(kept.body) != 3 {
				t.Errorf("%d requests, want 3", len(kept.body))
			}
			checkWire(t, kept, "SET #status = :active, #seq = :one, #claim = :n, #rotated = :now, #idle = :idle", base+c.condition, map[string]any{
				"#v": "v", "#status": "status", "#seq": "seq", "#ends": "code_expires_at", "#client": "client",
				"#redirect": "redirect", "#challenge": "challenge", "#claim": "claim", "#rotated": "rotated_at", "#idle": "idle_at",
			}, values)
		})
	}
}

func TestRotateOnTheWire_F05(t *testing.T) {
	s, f, kept := wire()
	f.Plan("UpdateItem", storetest.DropReply, answerAfter(`{"Attributes":`+grantImage("active", "8", "n1")+`}`))
	r, err := s.Rotate(t.Context(), "grant#k", grant.Rotation{
		Client: "client", Seq: 7, Nonce: "n1", Now: early, IdleAt: early.Add(15 * time.Minute), Grace: time.Minute,
	})
	if err != nil || r.Seq != 8 {
		t.Fatalf("%+v, %v", r, err)
	}
	checkWire(t, kept, "SET #seq = :next, #claim = :n, #rotated = :now, #idle = :idle",
		"#v = :v AND #status = :active AND #seq = :seq AND #idle > :now AND #max > :now AND #client = :client",
		map[string]any{
			"#v": "v", "#status": "status", "#seq": "seq", "#idle": "idle_at", "#max": "max_at", "#client": "client",
			"#claim": "claim", "#rotated": "rotated_at",
		}, map[string]any{
			":v": num("1"), ":active": str("active"), ":seq": num("7"), ":now": num("1900000000"), ":client": str("client"),
			":next": num("8"), ":n": str("n1"), ":idle": num("1900000900"),
		})
}

// The old image alone gives the verdict: no read is needed for it.
func TestRotateByTheOldImage(t *testing.T) {
	cases := []struct {
		name, status, seq, claim, want string
	}{
		{"revoked", "revoked", "7", "", "revoked"},
		{"this request's own, reply lost", "active", "8", "n1", ""},
		{"in the grace", "active", "8", "n0", ""},
		{"reused", "active", "9", "n0", "used before"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f, _ := wire()
			f.Plan("UpdateItem", refused(grantImage(c.status, c.seq, c.claim)))
			_, err := s.Rotate(t.Context(), "grant#k", grant.Rotation{
				Client: "client", Seq: 7, Nonce: "n1", Now: early, IdleAt: early.Add(15 * time.Minute), Grace: time.Minute,
			})
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if f.Seen("GetItem") > 0 {
				t.Error("it was read as well")
			}
		})
	}
}

// What a busy table leaves over is asked for again, within the budget, and is
// never taken for absent.
func TestGetSignInUnprocessedKeys(t *testing.T) {
	const (
		signIn  = `{"pk":{"S":"signin#k"},"v":{"N":"1"},"user":{"S":"u"},"created":{"N":"1"},"sealed":{"B":"AAAA"},"expires_at":{"N":"2000000000"}}`
		left    = `{"Responses":{"flows":[]},"UnprocessedKeys":{"flows":{"ConsistentRead":true,"Keys":[{"pk":{"S":"signin#k"}}]}}}`
		found   = `{"Responses":{"flows":[` + signIn + `]},"UnprocessedKeys":{}}`
		newer   = `{"Responses":{"flows":[{"pk":{"S":"signin#k"},"v":{"N":"2"}}]},"UnprocessedKeys":{}}`
		wantKey = "signin#k"
	)
	s, f, kept := wire()
	f.Plan("BatchGetItem", answerAfter(left), answerAfter(left), answerAfter(found))
	if r, _, err := s.GetSignIn(t.Context(), wantKey, "consent#k"); err != nil || r.Key != wantKey {
		t.Errorf("%q, %v", r.Key, err)
	}
	if len(kept.body) != 3 {
		t.Fatalf("%d requests, want 3", len(kept.body))
	}
	keys := func(keys ...any) map[string]any {
		return map[string]any{"RequestItems": map[string]any{"flows": map[string]any{"ConsistentRead": true, "Keys": keys}}}
	}
	first, second := map[string]any{"pk": str(wantKey)}, map[string]any{"pk": str("consent#k")}
	for i, want := range []map[string]any{keys(first, second), keys(first), keys(first)} {
		if diff := cmp.Diff(want, kept.body[i]); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i, diff)
		}
	}

	f.Always("BatchGetItem", storetest.Reply(http.StatusOK, left))
	if r, _, err := s.GetSignIn(t.Context(), wantKey, ""); err == nil {
		t.Errorf("a table that leaves it over for ever: %+v, no error", r)
	}

	ctx, line := logline.With(t.Context(), "request")
	f.Always("BatchGetItem", storetest.Reply(http.StatusOK, newer))
	if r, _, err := s.GetSignIn(ctx, wantKey, ""); err != nil || !cmp.Equal(r, session.Record{}) {
		t.Errorf("a newer item: %+v, %v", r, err)
	}
	said := ""
	for _, a := range line.Attrs() {
		said += a.String() + "\n"
	}
	if !strings.Contains(said, "schema version 2") {
		t.Errorf("the log line does not say what was found: %s", said)
	}
}
