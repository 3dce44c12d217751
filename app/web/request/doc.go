// Package request is what every handler of app/web needs, whichever room it is in: who a request is from, which answer
// it wants, the reading of its path, query, fields and body, the problems it may come to, and the writing of JSON.
//
// The middleware is one closure per route, made at the start, instead of a chain. A chain with Bind and c.JSON costs a
// third of the throughput of the two routes that carry nearly all of a sale's traffic.
//
// A handler returns an error and writes no problem itself. ProblemOf is the one table from errors to problems, kinds.go
// lists the problems there are. The package decides nothing about a sale and knows none of the rooms.
package request
