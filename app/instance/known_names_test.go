package instance

import (
	"log/slog"
	"testing"

	"flashsale/users"
)

// An instance knows every name when it has started; a command that seeds does not read the names into its memory.
func TestAnInstanceKnowsNamesAndACommandNeedsNone(t *testing.T) {
	t.Parallel()
	d := newDeployment(t)
	last := users.SeriesName(50)
	first := d.start(t)
	if _, err := first.wiring.acts.SeedUsers(t.Context(), demo(), 50); err != nil {
		t.Fatal(err)
	}
	if _, ok := first.wiring.directory.Known(last); !ok {
		t.Error("the instance that seeded does not know the last shopper")
	}
	if _, ok := d.start(t).wiring.directory.Known(last); !ok {
		t.Error("an instance has started and does not know a shopper who exists")
	}

	command := newWiring(first.cfg, first.servers, slog.New(slog.DiscardHandler), nil)
	defer command.close()
	if err := command.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	if created, err := command.acts.Seed(t.Context(), demo(), 60, nil); err != nil || created != 10 {
		t.Fatalf("%d created, %v", created, err)
	}
	if _, ok := command.directory.Known(last); ok {
		t.Error("a command has read the names into memory")
	}
	if a, err := command.directory.Find(t.Context(), []string{last}); err != nil || a[0].ID == 0 {
		t.Errorf("a command cannot find a name: %+v, %v", a, err)
	}
}
