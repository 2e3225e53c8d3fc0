//! The program as a whole: handover to a new process, what clients that vanish leave behind, memory, and the commands
//! for operators as they are typed.

mod at_rest;
mod bodies;
mod closed_output;
mod disconnects;
mod doctor;
mod exclusive;
mod operators;
mod process;
mod simulate;
mod soak;
mod upgrade;
