// Flashsale is a flash-sale platform: a limited stock goes on sale at an announced second, and nobody is sold
// what is not there. `go run .` starts the whole product; `go run . --help` lists the commands.
package main

import (
	"os"

	"flashsale/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
