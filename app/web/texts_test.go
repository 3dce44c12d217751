package web

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"flashsale/users/login"
	"flashsale/views/text"
)

// saidTexts are the English forms of all texts that the product says, each with a place where it stands.
func saidTexts(t *testing.T) map[string]string {
	t.Helper()
	said := map[string]string{}
	for _, folder := range []string{"views", "app/web", "app/operator", "users", "sale"} {
		err := filepath.WalkDir(filepath.Join("../..", folder), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() {
				return err
			}
			textsOf(t, path, said)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range []login.Role{login.Viewer, login.Operator, login.Owner} {
		said[role.String()] = "users/login/role.go"
	}
	said["none"] = "app/web/session/team.go"
	return said
}

// textsOf adds the texts of a folder's Go files. templ has made such files of its own.
func textsOf(t *testing.T, folder string, said map[string]string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set, parsed, constants := token.NewFileSet(), []*ast.File{}, map[string]ast.Expr{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == len(v.Values) {
				for i := range v.Names {
					constants[v.Names[i].Name] = v.Values[i]
				}
			}
			return true
		})
	}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			for _, e := range append(keysIn(n), deskFields(folder, n)...) {
				if key, ok := constant(e, constants); ok {
					said[key] = set.Position(n.Pos()).String()
				}
			}
			return true
		})
	}
}

// keysIn are the texts that a call says or marks, that tell people of a kind of problem, and that are the reason for refusing a name or
// a picture.
func keysIn(n ast.Node) []ast.Expr {
	switch n := n.(type) {
	case *ast.CompositeLit:
		named, ok := n.Type.(*ast.Ident)
		switch {
		case ok && (named.Name == "NameError" || named.Name == "Page"):
			return n.Elts
		case ok && named.Name == "PictureError":
			return n.Elts[1:2] // the first names the field
		}
	case *ast.CallExpr:
		of, name := called(n.Fun)
		switch {
		case name == "Say" && of == "text", name == "say", name == "badFieldf":
			return n.Args[min(1, len(n.Args)):min(2, len(n.Args))]
		case name == "Say", name == "Key" && of == "text", name == "refuse", name == "stated":
			return n.Args[:min(1, len(n.Args))]
		}
	}
	return nil
}

// deskFields are the texts for a wrong field of the desk's forms. Those of other handlers are for programs.
func deskFields(folder string, n ast.Node) []ast.Expr {
	call, ok := n.(*ast.CallExpr)
	if !ok || filepath.Base(folder) != "admin" {
		return nil
	}
	if _, name := called(call.Fun); name != "BadField" {
		return nil
	}
	return call.Args[1:]
}

// called is the package or variable and the name of what a call calls.
func called(e ast.Expr) (of, name string) {
	switch e := e.(type) {
	case *ast.Ident:
		return "", e.Name
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok {
			of = x.Name
		}
		return of, e.Sel.Name
	}
	return "", ""
}

// constant is the value of an expression of literals and constants; false for any other.
func constant(e ast.Expr, constants map[string]ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, err := strconv.Unquote(e.Value)
		return s, err == nil && e.Kind == token.STRING
	case *ast.Ident:
		return constant(constants[e.Name], constants)
	case *ast.BinaryExpr:
		left, first := constant(e.X, constants)
		right, second := constant(e.Y, constants)
		return left + right, first && second
	}
	return "", false
}

// Every text is in every language, and nothing is translated that nobody says.
func TestEveryTextIsTranslated(t *testing.T) {
	t.Parallel()
	said := saidTexts(t)
	if len(said) < 100 {
		t.Fatalf("only %d texts were found", len(said))
	}
	for _, l := range text.Languages() {
		for key, place := range said {
			if !l.Translated(key) {
				t.Errorf("%s: no %s for %q", place, l.Name(), key)
			}
		}
		for _, key := range l.Keys() {
			if said[key] == "" {
				t.Errorf("nobody says what has a text in %s: %q", l.Name(), key)
			}
		}
	}
}

var verbs = regexp.MustCompile(`%(\[\d+\])?[a-z]`)

// A translation takes the same arguments, in any order.
func TestATranslationTakesTheSameArguments(t *testing.T) {
	t.Parallel()
	for _, l := range text.Languages() {
		for _, key := range l.Keys() {
			want := verbs.FindAllString(key, -1)
			got := verbs.FindAllString(l.Say(key), -1)
			if l.Say(key) == key || len(want) == 0 && !strings.Contains(key, "%") {
				continue // a plural, of which no form stands for all
			}
			slices.Sort(want)
			slices.Sort(got)
			for i := range got {
				got[i] = regexp.MustCompile(`\[\d+\]`).ReplaceAllString(got[i], "")
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %q takes %q, %q takes %q", l.Name(), key, want, l.Say(key), got)
			}
		}
	}
}
