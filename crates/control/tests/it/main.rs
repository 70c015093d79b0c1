//! Tests of the product above the engines, in one binary.
