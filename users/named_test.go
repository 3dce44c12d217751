package users

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode"

	"github.com/jackc/pgx/v5"
)

// unusualNames are all acceptable, and each is the name of another account.
func unusualNames() []string {
	names := []string{
		"'; drop table users; --", `\`, `\x00`, `"`, "$1", "%s%n", "null", "<script>", "a,b", "=1+1", ".", "..", "a/b", "{0}", "*",
		"josé", "jose", "jоse" /* Cyrillic o */, "ｊｏｓｅ", "𝐣𝐨𝐬𝐞", "👩\u200d👧", "🇩🇪", "❤\ufe0f", "\ue000", "\U0010fffd", "\u0301", "x" + strings.Repeat("\u0327", 20),
		strings.Repeat("𝐚", maxUsername), strings.Repeat("a", maxUsername), "可口可乐", "مي\u200cخ", "שלום", "i\u0307", "ı", "strasse", "\ufffd",
	}
	// And visible characters from all over Unicode.
	random := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		r := rune(random.IntN(unicode.MaxRune + 1))
		if name, err := NormalName("n" + string(r) + "n"); err == nil {
			names = append(names, name)
		}
	}
	return names
}

func TestUnusualNamesAreStoredAndFoundAgain(t *testing.T) {
	t.Parallel()
	store := NewStore(newPool(t))
	names := map[string]bool{}
	var list []string
	var accounts []entry
	for _, name := range unusualNames() {
		normal, err := NormalName(name)
		if err != nil || normal != name {
			t.Fatalf("%+q: %+q, %v", name, normal, err)
		}
		if !names[name] {
			list, names[name] = append(list, name), true
			accounts = append(accounts, entry{username: name, mayPurchase: true})
		}
	}
	for _, want := range []int{len(list), 0} {
		n := 0
		err := store.transact(t.Context(), func(ctx context.Context, tx pgx.Tx) (err error) {
			n, err = store.ensureTx(ctx, tx, accounts)
			return err
		})
		if err != nil || n != want {
			t.Fatalf("%d of %d accounts were made, %v", n, want, err)
		}
	}
	ids := map[int64]string{}
	for _, form := range []string{"", "@example.com"} {
		asked := make([]string, len(list))
		for i, name := range list {
			asked[i] = name + form
		}
		usernames, emails := asked, []string(nil)
		if form != "" {
			usernames, emails = nil, asked
		}
		found, _, err := store.Named(t.Context(), usernames, emails)
		if err != nil || len(found) != len(list) {
			t.Fatalf("%d of %d accounts were found, %v", len(found), len(list), err)
		}
		for i := range found {
			a := found[i].Account
			if other, taken := ids[a.ID]; !names[a.Username] || taken && other != a.Username {
				t.Fatalf("%+q is account %d, which is %+q too", a.Username, a.ID, other)
			}
			ids[a.ID] = a.Username
		}
	}
	if len(ids) != len(list) {
		t.Errorf("%d accounts for %d names", len(ids), len(list))
	}
}
