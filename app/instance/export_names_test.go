package instance

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

// awkwardNames begin as formulas do, or have what a file of lines and cells must write with care. Those that begin with a tab or a line
// break are names that nobody can choose: rows that came into the database otherwise may have them.
func awkwardNames() []string {
	return []string{
		"=1+1", "=HYPERLINK(\"http://x\",\"y\")", "=cmd|' /C calc'!A0", "+49 30", "-5", "-", "@SUM(A1)", "\t=1", "\rx", "\nx", "'quoted", "''", "'=1", "\"", "\"=1\"",
		"a\"b", "a,b", "a;b", "a\r\nb", "a\nb", "Änne Größe", "😀 👩‍👧", "עברית", "مرحبا بالعالم", "\u202eabc", "nul\u00a0", "\ufeffx", "null",
	}
}

// Everything that people are called goes through a file and back, in both forms, and no spreadsheet takes a name for a formula.
func TestNamesGoThroughAnExportAndBack(t *testing.T) {
	t.Parallel()
	a := newDeployment(t).start(t)
	c := newClient(t, a.URL())
	names := awkwardNames()
	c.Act(http.MethodPost, "/api/users/seed", map[string]int{"userCount": 1000}).Is(t, http.StatusOK, "")
	c.Act(http.MethodPost, "/api/flash-sale/update-stock", map[string]int{"stockAmount": len(names)}).Is(t, http.StatusOK, "")
	bought := map[string]string{} // names by order
	for n, name := range names {
		r := c.BuySettled(shopperName(n))
		if bought[r.Text("purchaseId")] = name; len(bought) != n+1 {
			t.Fatalf("%d %s", r.Status, r.Raw)
		}
		Exec(t, a, `UPDATE users SET username = $1, email = $1 || '@example.com' WHERE username = $2`, name, shopperName(n))
	}
	exportHas(t, a.URL(), bought)
}

// exportHas checks that an export has the names of these orders, as CSV and as JSON lines.
func exportHas(t *testing.T, base string, bought map[string]string) {
	t.Helper()
	const bom = "\ufeff"
	file := exportFile(t, base, "format=csv&bom=1")
	if !bytes.HasPrefix(file, []byte(bom)) || bytes.HasPrefix(exportFile(t, base, "format=csv"), []byte(bom)) || !utf8.Valid(file) {
		t.Error("the mark of UTF-8 is not there where it was wanted, and only there")
	}
	lines, err := csv.NewReader(bytes.NewReader(file[len(bom):])).ReadAll()
	if err != nil || len(lines) != len(bought)+1 {
		t.Fatalf("%d lines of %d orders: %v", len(lines)-1, len(bought), err)
	}
	at := map[string]int{}
	for i, column := range lines[0] {
		at[column] = i
	}
	for _, line := range lines[1:] {
		name := bought[line[at["purchaseId"]]]
		for column, want := range map[string]string{"username": name, "email": name + "@example.com"} {
			cell := line[at[column]]
			if strings.ContainsAny(cell[:1], "=+-@\t\r") {
				t.Errorf("%q is a formula: %q", name, cell)
			}
			// The library turns line breaks within a cell into its own.
			if got := strings.TrimPrefix(cell, "'"); got != strings.ReplaceAll(want, "\r\n", "\n") {
				t.Errorf("%s %q came back as %q", column, want, got)
			}
		}
	}
	objects := bufio.NewScanner(bytes.NewReader(exportFile(t, base, "format=jsonl")))
	rows := 0
	for ; objects.Scan(); rows++ {
		var o struct {
			PurchaseID string `json:"purchaseId"`
			Shopper    struct{ Username, Email string }
		}
		if err := json.Unmarshal(objects.Bytes(), &o); err != nil {
			t.Fatalf("%s: %v", objects.Text(), err)
		}
		if name := bought[o.PurchaseID]; o.Shopper.Username != name || o.Shopper.Email != name+"@example.com" {
			t.Errorf("%q came back as %q", name, o.Shopper)
		}
	}
	if rows != len(bought) {
		t.Errorf("%d objects of %d orders", rows, len(bought))
	}
}

func exportFile(t *testing.T, base, query string) []byte {
	t.Helper()
	r, err := http.Get(base + "/api/admin/orders/export?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatalf("%d %v: %.300s", r.StatusCode, err, body)
	}
	return body
}
