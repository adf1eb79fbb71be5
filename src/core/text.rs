//! Untrusted text made safe to show: the one sanitiser every sink goes through.
