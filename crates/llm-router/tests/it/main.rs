//! The program as a whole: handover to a new process, and what clients that vanish leave behind.

mod disconnects;
mod process;
mod upgrade;
