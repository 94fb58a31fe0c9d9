//! Tests of several nodes that are one venue: model, simulation, coordinators, moves.

mod cluster_model;
mod cluster_sim;
mod coordinators;
mod mover;
mod partitions_sim;
mod requests;
mod rooms;
