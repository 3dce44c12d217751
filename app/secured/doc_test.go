// Package secured has only tests. They start servers as an operator would secure them, or would have them survive the loss of one,
// and run the product beside them as a process of its own: it sells, and `flashsale verify` has to be clean afterwards.
// README.md has what was run and what it cost.
//
// They need redis-server, PostgreSQL 15 or newer, and Apache Kafka (KAFKA_LIBS names the directory of its jars) and run when
// FLASHSALE_TEST_SECURED=1 says so, as `.ci/run secured` does:
//
//	FLASHSALE_TEST_SECURED=1 KAFKA_LIBS=DIR go test -count=1 -v ./app/secured
//
// FLASHSALE_SECURED_PROGRAM names a program that is built already.
package secured
