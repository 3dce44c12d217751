// Command cross type-checks a program and its tests for platforms, without compiling anything: compiling all dependencies once a
// platform takes minutes. Dependencies are read without the bodies of their functions.
//
//	go run . DIR darwin/amd64 linux/arm64 ...
package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	dir, err := filepath.Abs(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	bad := false
	for _, platform := range os.Args[2:] {
		count, err := check(dir, platform)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s:\n%v\n", platform, err)
			bad = true
			continue
		}
		fmt.Printf("%s: %d packages and their tests have no error of types\n", platform, count)
	}
	if bad {
		os.Exit(1)
	}
}

// check returns the number of packages, and the errors of those in dir. What is wrong with a dependency shows where it is used,
// but for a dependency without any file for the platform, which is an error of its own.
func check(dir, platform string) (count int, err error) {
	system, architecture, _ := strings.Cut(platform, "/")
	all, err := packages.Load(&packages.Config{
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedCompiledGoFiles | packages.NeedImports | packages.NeedDeps |
			packages.NeedTypes | packages.NeedSyntax | packages.NeedTypesInfo | packages.NeedTypesSizes | packages.NeedModule,
		Dir:       dir,
		Env:       append(os.Environ(), "CGO_ENABLED=0", "GOOS="+system, "GOARCH="+architecture),
		Tests:     true,
		ParseFile: parse(dir),
	}, "./...")
	if err != nil {
		return 0, err
	}
	var found []error
	packages.Visit(all, nil, func(p *packages.Package) {
		for _, one := range p.Errors {
			if ours := p.Module != nil && p.Module.Main; ours || one.Kind == packages.ListError {
				found = append(found, one)
			}
		}
		if p.Module != nil && p.Module.Main && p.ID == p.PkgPath && !strings.HasSuffix(p.ID, ".test") {
			count++
		}
	})
	if count == 0 {
		found = append(found, errors.New("no package found"))
	}
	return count, errors.Join(found...)
}

// parse leaves out the bodies of functions that are not below dir, except in the programs that go test generates.
func parse(dir string) func(*token.FileSet, string, []byte) (*ast.File, error) {
	return func(files *token.FileSet, name string, source []byte) (*ast.File, error) {
		file, err := parser.ParseFile(files, name, source, parser.SkipObjectResolution)
		if generated := filepath.Ext(name) != ".go"; file == nil || generated || strings.HasPrefix(name, dir+string(filepath.Separator)) {
			return file, err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				f.Body = nil
			}
		}
		return file, err
	}
}
