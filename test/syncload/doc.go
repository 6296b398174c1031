// Package syncload has many follow the changes of many, while faults are made around them.
// In the end each reader's copy has to equal the table, no acknowledged write may be
// missing, and no reader may have been given anything twice or out of order.
//
//	run := syncload.New(t, syncload.Config{...})
//	run.Add("a user", 8, syncload.AllHabits()...)
//	run.Start()
//	...                  // Faults, with run.Proceed in between.
//	run.EndWriting()
//	...                  // Until nothing that is in doubt can happen any more.
//	run.EndReading()
//	run.Compare(...)
//	run.Report(row)
//
// It needs Linux, as what it runs on does.
package syncload
