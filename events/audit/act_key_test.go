package audit

import (
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"

	"flashsale/app/embedded/embeddedtest"
)

func TestAnAnswerIsKeptUnderItsKeyForADay(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	log := New(pool)
	act := func(k ActKey, answer string) (kept string, found bool, err error) {
		err = log.Act(t.Context(), func(tx pgx.Tx) error {
			var raw []byte
			if raw, found, err = log.AnswerTx(t.Context(), tx, k); err != nil || found {
				kept = string(raw)
				return err
			}
			return log.KeepTx(t.Context(), tx, k, []byte(answer))
		})
		return kept, found, err
	}
	alice := ActKey{Principal: "alice", Key: "k", Route: "POST /x", Digest: [32]byte{1}}
	if _, found, err := act(alice, "one"); found || err != nil {
		t.Fatalf("the first act: %v, %v", found, err)
	}
	if kept, found, err := act(alice, "two"); !found || kept != "one" || err != nil {
		t.Errorf("the repeat: %q, %v, %v", kept, found, err)
	}
	another := alice
	another.Digest[0]++
	if _, _, err := act(another, "two"); !errors.Is(err, ErrKeyReused) {
		t.Errorf("another act under the same key: %v", err)
	}
	bob := alice
	bob.Principal = "bob"
	if _, found, err := act(bob, "three"); found || err != nil {
		t.Errorf("somebody else's key of the same name: %v, %v", found, err)
	}
	for range 2 {
		if _, found, err := act(ActKey{Principal: "alice"}, "four"); found || err != nil {
			t.Errorf("without a key: %v, %v", found, err)
		}
	}
	exec := func(sql string) {
		if _, err := pool.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	exec(`UPDATE act_keys SET made_at = made_at - interval '23 hours'`)
	if _, found, err := act(alice, "five"); !found || err != nil {
		t.Errorf("after 23 hours: %v, %v", found, err)
	}
	exec(`UPDATE act_keys SET made_at = made_at - interval '2 hours'`)
	if _, found, err := act(another, "six"); found || err != nil {
		t.Errorf("after 25 hours: %v, %v", found, err)
	}
	var rows int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM act_keys`).Scan(&rows); err != nil || rows != 1 {
		t.Errorf("%d rows (%v), those of a day ago are pruned", rows, err)
	}
	if kept, found, err := act(another, "seven"); !found || kept != "six" || err != nil {
		t.Errorf("the key taken anew: %q, %v, %v", kept, found, err)
	}
}

func TestAKeyIsFreeAgainAfterAnActThatFailed(t *testing.T) {
	t.Parallel()
	pool, _ := embeddedtest.Postgres(t)
	log := New(pool)
	k := ActKey{Principal: "alice", Key: "k"}
	failed := errors.New("not now")
	err := log.Act(t.Context(), func(tx pgx.Tx) error {
		if _, _, err := log.AnswerTx(t.Context(), tx, k); err != nil {
			return err
		}
		// Meanwhile the key is taken.
		running := log.Act(t.Context(), func(other pgx.Tx) error {
			_, _, err := log.AnswerTx(t.Context(), other, k)
			return err
		})
		if !errors.Is(running, ErrKeyRunning) {
			t.Errorf("the same key at the same time: %v", running)
		}
		if err := log.KeepTx(t.Context(), tx, k, []byte("x")); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		t.Fatal(err)
	}
	err = log.Act(t.Context(), func(tx pgx.Tx) error {
		_, found, err := log.AnswerTx(t.Context(), tx, k)
		if found {
			t.Error("an act that failed has left an answer")
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
