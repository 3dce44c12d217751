// Package admin has the pages of the operators' desk: the list of sales, the forms about a sale, the run of show, and the step before
// each act. They work without scripts; with them figures move and charts are drawn.
package admin
