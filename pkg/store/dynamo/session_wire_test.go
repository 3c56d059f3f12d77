package dynamo_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-go/latchkey/pkg/logline"
	"github.com/latchkey-go/latchkey/pkg/session"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

// sessionImage is the JSON of a session at a version, committed by claim and
// leased by lease until a time far away; the last two may be empty.
func sessionImage(key, version, claim, lease string) string {
	item := `{"pk":{"S":"` + key + `"},"v":{"N":"1"},"user":{"S":"u"},"created":{"N":"1800000000"},"sealed":{"B":"Y2lwaGVydGV4dA=="},` +
		`"version":{"N":"` + version + `"},"seen_at":{"N":"1900000000"},"expires_at":{"N":"1900003600"},"max_at":{"N":"2000000000"}`
	if claim != "" {
		item += `,"claim":{"S":"` + claim + `"}`
	}
	if lease != "" {
		item += `,"lease":{"S":"` + lease + `"},"lease_until":{"N":"1900000010"}`
	}
	return item + "}"
}

const aliveCondition = "#v = :v AND #expires > :now AND #max > :now "

// merged is what a write to a live session names besides its own.
func merged(own map[string]any, live map[string]any) map[string]any {
	for name, value := range live {
		own[name] = value
	}
	return own
}

func liveNames(own map[string]any) map[string]any {
	return merged(own, map[string]any{"#v": "v", "#expires": "expires_at", "#max": "max_at"})
}

func liveValues(own map[string]any) map[string]any {
	return merged(own, map[string]any{":v": num("1"), ":now": num("1900000000")})
}

// Each of these is one write, whole in itself, that neither names the user nor
// the time of creation, so that the index is not written to; and a retry is
// the same again (F-05).
func TestSessionWritesOnTheWire_F05(t *testing.T) {
	next := session.Entry{
		Key: "session#k", User: "other", Created: early, Sealed: []byte("ciphertext"), Version: 7, Claim: "n1",
		SeenAt: early, ExpiresAt: early.Add(time.Hour), MaxAt: early.Add(time.Minute), Lease: "x", LeaseUntil: early,
	}
	cases := []struct {
		name, image, update, condition string
		do                             func(s storetest.Store, t *testing.T) error
		names, values                  map[string]any
	}{
		{"lease", sessionImage("session#k", "7", "", "n1"), "SET #lease = :n, #until = :until",
			aliveCondition + "AND #count = :count AND (attribute_not_exists(#lease) OR #until <= :now OR #lease = :n)",
			func(s storetest.Store, t *testing.T) error {
				_, err := s.LeaseSession(t.Context(), "session#k", 7, "n1", early, early.Add(10*time.Second))
				return err
			},
			liveNames(map[string]any{"#count": "version", "#lease": "lease", "#until": "lease_until"}),
			liveValues(map[string]any{":count": num("7"), ":n": str("n1"), ":until": num("1900000010")})},
		{"commit", sessionImage("session#k", "8", "n1", ""),
			"SET #sealed = :sealed, #count = :next, #claim = :n, #expires = :end, #seen = :seen REMOVE #lease, #until",
			aliveCondition + "AND #count = :count",
			func(s storetest.Store, t *testing.T) error {
				_, err := s.CommitSession(t.Context(), next, early)
				return err
			},
			liveNames(map[string]any{"#sealed": "sealed", "#count": "version", "#claim": "claim", "#seen": "seen_at", "#lease": "lease", "#until": "lease_until"}),
			liveValues(map[string]any{":sealed": map[string]any{"B": "Y2lwaGVydGV4dA=="}, ":count": num("7"), ":next": num("8"),
				":n": str("n1"), ":end": num("1900003600"), ":seen": num("1900000000")})},
		{"slide", sessionImage("session#k", "7", "", ""), "SET #expires = :until, #seen = :now",
			aliveCondition + "AND #seen <= :seen AND #expires <= :until",
			func(s storetest.Store, t *testing.T) error {
				return s.SlideSession(t.Context(), "session#k", early.Add(-time.Hour), early, early.Add(time.Hour))
			},
			liveNames(map[string]any{"#seen": "seen_at"}),
			liveValues(map[string]any{":seen": num("1899996400"), ":until": num("1900003600")})},
		{"release", sessionImage("session#k", "7", "", "failed"), "SET #lease = :failed, #until = :until", "#v = :v AND #lease = :n",
			func(s storetest.Store, t *testing.T) error {
				return s.ReleaseSession(t.Context(), "session#k", "n1", early.Add(2*time.Second))
			},
			map[string]any{"#v": "v", "#lease": "lease", "#until": "lease_until"},
			map[string]any{":v": num("1"), ":n": str("n1"), ":failed": str("failed"), ":until": num("1900000002")}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f, kept := wire()
			f.Plan("UpdateItem", storetest.DropReply, answerAfter(`{"Attributes":`+c.image+`}`))
			if err := c.do(s, t); err != nil {
				t.Fatal(err)
			}
			if len(kept.body) != 2 {
				t.Fatalf("%d requests, want 2", len(kept.body))
			}
			for i, got := range kept.body {
				if diff := cmp.Diff(map[string]any{
					"TableName": "flows", "Key": map[string]any{"pk": str("session#k")},
					"UpdateExpression": c.update, "ConditionExpression": c.condition,
					"ExpressionAttributeNames": c.names, "ExpressionAttributeValues": c.values,
					"ReturnValues": "ALL_NEW", "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
				}, got); diff != "" {
					t.Errorf("request %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

// The old image alone gives the verdict: no read is needed for it.
func TestSessionByTheOldImage(t *testing.T) {
	image := func(version, claim, lease string) string { return sessionImage("session#k", version, claim, lease) }
	lease := func(s storetest.Store, t *testing.T) (session.Entry, error) {
		return s.LeaseSession(t.Context(), "session#k", 7, "n1", early, early.Add(10*time.Second))
	}
	commit := func(s storetest.Store, t *testing.T) (session.Entry, error) {
		return s.CommitSession(t.Context(), session.Entry{Key: "session#k", Version: 7, Claim: "n1", Sealed: []byte("x")}, early)
	}
	end := func(s storetest.Store, t *testing.T) (session.Entry, error) {
		return session.Entry{}, s.EndSession(t.Context(), "session#k", 7)
	}
	cases := []struct {
		name, image string
		do          func(storetest.Store, *testing.T) (session.Entry, error)
		want        error
		withEntry   bool
	}{
		{"lease: leased", image("7", "", "n0"), lease, session.ErrLeased, true},
		{"lease: paused", image("7", "", session.FailedLease), lease, session.ErrLeased, true},
		{"lease: refreshed", image("8", "n0", "n0"), lease, session.ErrChanged, true},
		{"lease: over", strings.Replace(image("7", "", ""), "1900003600", "1900000000", 1), lease, session.ErrExpired, false},
		{"commit: its own, reply lost", image("8", "n1", ""), commit, nil, true},
		{"commit: another's", image("8", "n0", ""), commit, session.ErrChanged, true},
		{"commit: over for good", strings.Replace(image("7", "", ""), "2000000000", "1900000000", 1), commit, session.ErrExpired, false},
		{"end: refreshed", image("8", "n0", ""), end, session.ErrChanged, false},
		{"end: of a later release", strings.Replace(image("7", "", ""), `"v":{"N":"1"}`, `"v":{"N":"2"}`, 1), end, nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s, f, _ := wire()
			f.Plan("UpdateItem", refused(c.image))
			f.Plan("DeleteItem", refused(c.image))
			e, err := c.do(s, t)
			if !errors.Is(err, c.want) || err != nil && c.want == nil || (e.Key != "") != c.withEntry {
				t.Errorf("%+v, %v, want %v", e, err, c.want)
			}
			if f.Seen("GetItem") > 0 {
				t.Error("it was read as well")
			}
		})
	}
}

func TestDeletionsOfSessionsOnTheWire(t *testing.T) {
	s, f, kept := wire()
	f.Plan("DeleteItem", answerAfter(`{"Attributes":`+sessionImage("session#k", "7", "n0", "")+`}`))
	if e, err := s.DeleteSession(t.Context(), "session#k"); err != nil || e.Version != 7 {
		t.Errorf("%+v, %v", e, err)
	}
	if err := s.EndSession(t.Context(), "session#k", 7); err != nil {
		t.Error(err)
	}
	key := map[string]any{"pk": str("session#k")}
	if diff := cmp.Diff([]map[string]any{
		{"TableName": "flows", "Key": key, "ReturnValues": "ALL_OLD"},
		{"TableName": "flows", "Key": key, "ConditionExpression": "#v = :v AND #count = :count",
			"ExpressionAttributeNames":            map[string]any{"#v": "v", "#count": "version"},
			"ExpressionAttributeValues":           map[string]any{":v": num("1"), ":count": num("7")},
			"ReturnValuesOnConditionCheckFailure": "ALL_OLD"},
	}, kept.body); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// What a busy table leaves over is asked for again; what is no session of this
// user, or cannot be read, is left out.
func TestListSessionsOnTheWire(t *testing.T) {
	ofAnother := strings.Replace(sessionImage("session#c", "0", "", ""), `"user":{"S":"u"}`, `"user":{"S":"x"}`, 1)
	s, f, kept := wire()
	f.Plan("Query", answerAfter(`{"Items":[{"pk":{"S":"session#a"}},{"pk":{"S":"signin#s"}},{"pk":{"S":"session#b"}},{"pk":{"S":"session#c"}}]}`))
	f.Plan("BatchGetItem",
		answerAfter(`{"Responses":{"flows":[`+sessionImage("session#b", "0", "", "")+`]},`+
			`"UnprocessedKeys":{"flows":{"ConsistentRead":true,"Keys":[{"pk":{"S":"session#a"}},{"pk":{"S":"session#c"}}]}}}`),
		answerAfter(`{"Responses":{"flows":[{"pk":{"S":"session#a"},"v":{"N":"2"}},`+ofAnother+`]},"UnprocessedKeys":{}}`))
	ctx, line := logline.With(t.Context(), "request")
	all, err := s.ListSessions(ctx, "u", early)
	if err != nil || len(all) != 1 || all[0].Key != "session#b" {
		t.Errorf("%+v, %v", all, err)
	}
	keys := func(names ...string) map[string]any {
		var keys []any
		for _, name := range names {
			keys = append(keys, map[string]any{"pk": str(name)})
		}
		return map[string]any{"RequestItems": map[string]any{"flows": map[string]any{"ConsistentRead": true, "Keys": keys}}}
	}
	if diff := cmp.Diff([]map[string]any{
		{"TableName": "flows", "IndexName": "by_user", "Limit": 50.0, "ScanIndexForward": false, "KeyConditionExpression": "#user = :user",
			"ExpressionAttributeNames": map[string]any{"#user": "user"}, "ExpressionAttributeValues": map[string]any{":user": str("u")}},
		keys("session#a", "session#b", "session#c"), keys("session#a", "session#c"),
	}, kept.body); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	said := ""
	for _, a := range line.Attrs() {
		said += a.String() + "\n"
	}
	if !strings.Contains(said, "schema version 2") {
		t.Errorf("the log line does not say what was found: %s", said)
	}

	f.Always("BatchGetItem", storetest.Throttle)
	f.Always("Query", storetest.Reply(http.StatusOK, `{"Items":[{"pk":{"S":"session#a"}}]}`))
	if all, err := s.ListSessions(t.Context(), "u", early); err == nil || len(all) > 0 {
		t.Errorf("throttled for ever: %+v, %v", all, err)
	}
	f.Always("Query", storetest.ServerError)
	if all, err := s.ListSessions(t.Context(), "u", early); err == nil || len(all) > 0 {
		t.Errorf("no index: %+v, %v", all, err)
	}
}
