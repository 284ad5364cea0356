// Package databases tests package tracesql with the drivers that programs use, on real databases.
package databases
