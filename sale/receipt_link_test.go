package sale

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestAReceiptsSecretIsProvedByItsSaleAlone(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		order := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "order"))
		text := ReceiptSecret(secret, order)
		if text != ReceiptSecret(secret, order) || len(text) != 43 {
			t.Fatalf("%q", text)
		}
		p, ok := ReadReceiptSecret(text)
		if !ok || p.Order != order || !p.By(secret) {
			t.Fatalf("%q is of order %s: %v", text, p.Order, ok)
		}
		if p.By(append([]byte("x"), secret...)) || p.By(nil) {
			t.Fatal("another sale proves it")
		}
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		bit := rapid.IntRange(0, len(raw)*8-1).Draw(t, "bit")
		raw[bit/8] ^= 1 << (bit % 8)
		if p, ok := ReadReceiptSecret(base64.RawURLEncoding.EncodeToString(raw)); !ok || p.By(secret) {
			t.Fatalf("bit %d makes no difference", bit)
		}
	})
}

// The id of an order stands in events and exports. It does not lead to the receipt, and none of the ids that the sale's key makes is a proof.
func TestNoIDOfTheSaleProvesAReceipt(t *testing.T) {
	t.Parallel()
	order := ClaimID(secret, 3, 7, 1)
	for name, id := range map[string]uuid.UUID{
		"the order": order, "nothing": {}, "a close record": CloseID(secret, 3, 7), "a press": IdempotencyKeyID(secret, 7, "key"),
	} {
		p, ok := ReadReceiptSecret(base64.RawURLEncoding.EncodeToString(append(bytes.Clone(order[:]), id[:]...)))
		if !ok || p.By(secret) {
			t.Errorf("%s proves it", name)
		}
	}
}

func TestAReceiptsSecretHasOneForm(t *testing.T) {
	t.Parallel()
	text := ReceiptSecret(secret, ClaimID(secret, 3, 7, 1))
	last := strings.IndexByte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", text[42])
	for name, other := range map[string]string{
		"nothing": "", "short": text[:42], "long": text + "A", "padded": text + "=", "a line break": text[:42] + "\n", "a line break within": text[:20] + "\n" + text[21:],
		"other bits at the end": text[:42] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last^1]),
		"another alphabet":      strings.Repeat("+", 43), "an id": ClaimID(secret, 3, 7, 1).String(),
	} {
		if p, ok := ReadReceiptSecret(other); ok {
			t.Errorf("%s: %q is read as %s", name, other, p.Order)
		}
	}
}

func TestOrderNumber(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"00000000-0000-0000-0000-000000000000": "000-000-000",
		"ffffffff-ffff-8fff-bfff-ffffffffffff": "ZZZ-ZZZ-ZZZ",
		"8f14e45f-ceea-867a-9a36-dedd4bea2543": "HWA-E8Q-YEX",
		"8f14e45f-ceef-867a-9a36-dedd4bea2543": "HWA-E8Q-YEX", // the last bits do not count
		"8f14e45f-cef2-867a-9a36-dedd4bea2543": "HWA-E8Q-YEY",
	} {
		if got := OrderNumber(uuid.MustParse(id)); got != want {
			t.Errorf("%s is %s, want %s", id, got, want)
		}
	}
}
