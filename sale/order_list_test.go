package sale

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/uuid"
)

func TestAnOrderNumberFindsItsOrder(t *testing.T) {
	t.Parallel()
	for range 200 {
		id := uuid.New()
		number := OrderNumber(id)
		for _, typed := range []string{
			number, strings.ToLower(number), strings.ReplaceAll(number, "-", ""), strings.ReplaceAll(number, "-", " "),
			strings.NewReplacer("0", "O", "1", "l").Replace(number),
		} {
			low, high, ok := OrderIDs(typed)
			if !ok || bytes.Compare(low[:], id[:]) > 0 || bytes.Compare(high[:], id[:]) < 0 || OrderNumber(low) != number || OrderNumber(high) != number {
				t.Fatalf("%q: %v to %v, %v; the order is %v", typed, low, high, ok, id)
			}
		}
	}
	for _, other := range []string{"", "-", "123", "12345678", "1234567890", "12345678U", "john_doe_", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"} {
		if _, _, ok := OrderIDs(other); ok {
			t.Errorf("%q is an order number", other)
		}
	}
}

func TestPlacesAreInOneOrder(t *testing.T) {
	t.Parallel()
	a, b := OrderPlace{Unit: 1, ID: uuid.MustParse("00000000-0000-8000-8000-000000000001")}, OrderPlace{Unit: 1, ID: uuid.MustParse("00000000-0000-8000-8000-0000000000ff")}
	later := OrderPlace{Unit: 2, ID: a.ID}
	for _, c := range []struct {
		first, second OrderPlace
	}{{b, a}, {later, a}, {later, b}} {
		if !c.first.Before(c.second) || c.second.Before(c.first) || c.first.Before(c.first) {
			t.Errorf("%v and %v", c.first, c.second)
		}
	}
}
