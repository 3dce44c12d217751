package events

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// Tests of other packages loop over the list of reasons. So it must be complete.
func TestTheListOfReasonsIsComplete(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, named := spec.Type.(*ast.Ident); !named || kind.Name != "Reason" {
			return true
		}
		for _, value := range spec.Values {
			word, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			declared = append(declared, Reason(word))
		}
		return true
	})
	listed := Reasons()
	slices.Sort(declared)
	slices.Sort(listed)
	if len(declared) < 9 || !slices.Equal(declared, listed) || len(slices.Compact(declared)) != len(listed) {
		t.Errorf("declared %v, listed %v", declared, listed)
	}
}

func TestAReasonOfANewerVersionIsReadAsAnother(t *testing.T) {
	t.Parallel()
	for _, reason := range Reasons() {
		if got := ParseReason(string(reason)); got != reason {
			t.Errorf("%s is read as %s", reason, got)
		}
	}
	if got := ParseReason(""); got != "" {
		t.Errorf("no reason is read as %s", got)
	}
	for word, want := range map[string]Reason{"moon-phase": ReasonOther, "Sold-out": ReasonOther, "sold-out": ReasonSoldOut} {
		raw, err := json.Marshal(map[string]string{"outcome": "declined", "reason": word})
		if err != nil {
			t.Fatal(err)
		}
		var v Verdict
		if err := json.Unmarshal(raw, &v); err != nil || v.Reason != want || ParseReason(word) != want {
			t.Errorf("%s is read as %s, %v", word, v.Reason, err)
		}
	}
}
