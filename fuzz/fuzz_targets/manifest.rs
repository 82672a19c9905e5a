//! The target `manifest`: see the function of that name.

#![cfg_attr(fuzzing, no_main)]

esker_fuzz::target!(manifest);
