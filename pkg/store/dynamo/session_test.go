package dynamo_test

import (
	"testing"

	"github.com/latchkey-go/latchkey/pkg/rp"
	"github.com/latchkey-go/latchkey/pkg/store/dynamo"
	"github.com/latchkey-go/latchkey/pkg/store/storetest"
)

var _ rp.Sessions = (*dynamo.Store)(nil)

func TestSessions(t *testing.T) {
	t.Parallel()
	contract(t, storetest.Sessions)
}
