package instance

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"flashsale/app/config"
	"flashsale/app/embedded/embeddedtest"
	"flashsale/app/instance/instancetest"
	"flashsale/migrations"
)

// A program that is started while a newer version is rolled out, or after that was rolled back, works and says so.
func TestAStartOnASchemaOfANewerVersionIsSaid(t *testing.T) {
	t.Parallel()
	pool, schema := embeddedtest.Postgres(t)
	connect := func() string {
		var said bytes.Buffer
		s := &Servers{Settings: instancetest.Servers(t)}
		log := slog.New(slog.NewTextHandler(&said, nil))
		if err := s.connect(t.Context(), config.Config{Namespace: schema}, log, prometheus.NewRegistry()); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		return said.String()
	}
	const sentence = "the schema is of a newer version of this program"
	if said := connect(); strings.Contains(said, sentence) {
		t.Errorf("on its own schema it says %s", said)
	}
	_, known, err := migrations.Versions(t.Context(), pool, schema)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true)`, known+1); err != nil {
		t.Fatal(err)
	}
	if said := connect(); !strings.Contains(said, sentence) {
		t.Errorf("on a newer schema it says %q", said)
	}
}
